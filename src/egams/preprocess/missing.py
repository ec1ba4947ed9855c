"""Prepared runs as they would be had less been measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from egams.preprocess.prepare_runs import PreparedRun, background_quantiles

FEWEST_SCANS = 8


@dataclass(frozen=True)
class Missing:
    """What was measured of a run, where it was not everything.

    Parameters
    ----------
    mz
        m/z that were recorded; None for all that the run has.
    start_degC, end_degC
        Between which temperatures the sample was heated, degC.
    """

    mz: tuple[int, ...] | None = None
    start_degC: float = -np.inf
    end_degC: float = np.inf


def without(run: PreparedRun, missing: Missing) -> PreparedRun:
    """Return what preparation would have made of less; the run itself where next to none is left.

    The baseline is that of the whole run: none is fitted anew.

    Parameters
    ----------
    run
        Prepared.
    missing
        What was measured of it.
    """
    kept_mz = np.full(len(run.mz), True) if missing.mz is None else np.isin(run.mz, missing.mz)
    heated = (run.temperature >= missing.start_degC) & (run.temperature <= missing.end_degC)
    kept_mz &= ~np.isnan(run.abundance[heated]).all(0)
    if not kept_mz.any() or heated.sum() < FEWEST_SCANS:
        return run
    abundance, baseline = (each[heated][:, kept_mz] for each in (run.abundance, run.baseline))
    largest = np.nanmax(abundance)
    if not largest > 0:
        return run
    abundance, baseline = abundance / largest, baseline / largest
    of_abundance, of_residual = (background_quantiles(x) for x in (abundance, abundance - baseline))
    return replace(
        run,
        temperature=run.temperature[heated],
        mz=run.mz[kept_mz],
        abundance=abundance,
        baseline=baseline,
        background=np.stack([of_abundance, of_residual]),
    )
