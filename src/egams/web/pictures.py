"""Pictures of a run as numbers: traces, all m/z, peaks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from egams.arrays import FloatArray
from egams.ensemble.predictions import RunPrediction
from egams.explain.peaks import peaks
from egams.explain.species import BY_MZ
from egams.explain.traces import Traces, traces_of
from egams.report.ions import COLOURS, SPARE, Ion, choose_ions, printed
from egams.report.signal_picture import signal_picture
from egams.run import Run

BINS_TOGETHER = 2
"""Bins of 4 degC that are one in the picture of all m/z."""


def traces_picture(run: Run, prediction: RunPrediction | None) -> dict[str, Any]:
    """Return ions of a run over temperature, as JSON.

    Parameters
    ----------
    run
        The run.
    prediction
        Of the run: its calls choose the ions that are shown first.

    Raises
    ------
    InputError
        If nothing was measured over 16 degC.
    """
    traces = traces_of(run)
    found = peaks(traces)
    chosen = choose_ions(traces, found, prediction)
    ions = [*chosen, *_others(traces, {ion.mz for ion in chosen})]
    columns = {ion.mz: traces.column(ion.mz) for ion in ions}
    return {
        "unit": traces.unit,
        "temperature": traces.temperature.tolist(),
        "ions": [
            {"mz": ion.mz, "label": ion.label, "gas": ion.gas, "colour": ion.colour}
            | {"proxy_for": ion.proxy_for, "chosen": ion in chosen}
            for ion in ions
        ],
        "signal": {str(mz): digits(traces.signal[:, at]) for mz, at in columns.items()},
        "baseline": {str(mz): digits(traces.baseline[:, at]) for mz, at in columns.items()},
    }


def _others(traces: Traces, known: Collection[int]) -> list[Ion]:
    """Other measured ions: those of gases first, in their own colours, or one that is left."""
    rest = sorted(set(traces.mz.tolist()) - set(known), key=lambda mz: (mz not in BY_MZ, mz))
    return [
        Ion(mz, printed(BY_MZ[mz].name) if mz in BY_MZ else "", _colour(mz, place))
        for place, mz in enumerate(rest)
    ]


def _colour(mz: int, place: int) -> str:
    return COLOURS.get(mz, SPARE[place % len(SPARE)])


def spectrogram_picture(run: Run) -> dict[str, Any]:
    """Return all m/z of a run over temperature, as log10 of the largest, as JSON.

    Parameters
    ----------
    run
        The run.
    """
    traces = traces_of(run)
    picture = signal_picture(_in_wider_bins(traces))
    measured = np.flatnonzero(~np.isnan(picture).all(1))
    shown = range(int(measured[0]), int(measured[-1]) + 1) if measured.size else range(0)
    return {
        "temperature": _in_wider_bins(traces).temperature.tolist(),
        "mz": list(shown),
        "log10": [[_rounded(value) for value in picture[mz].tolist()] for mz in shown],
    }


def peaks_picture(run: Run) -> dict[str, Any]:
    """Return the peaks of a run, as JSON.

    Parameters
    ----------
    run
        The run.
    """
    traces = traces_of(run)
    return {"unit": traces.unit, "peaks": [asdict(peak) for peak in peaks(traces)]}


def digits(values: FloatArray) -> list[float | None]:
    """Return numbers with four digits, None for those that were not measured.

    Parameters
    ----------
    values
        Of one ion ``[bin]``.
    """
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values.tolist()]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 2)


def _in_wider_bins(traces: Traces) -> Traces:
    bins = len(traces.temperature) // BINS_TOGETHER * BINS_TOGETHER
    if bins < 2 * BINS_TOGETHER:
        return traces

    def mean(values: FloatArray) -> FloatArray:
        parts = values[:bins].reshape(-1, BINS_TOGETHER, *values.shape[1:])
        return np.asarray(parts.mean(1))

    return replace(traces, temperature=mean(traces.temperature), signal=mean(traces.signal))
