"""Prepared runs as they would be had the gas of some windows not been released."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from egams.explain.windows import Window
from egams.preprocess.prepare_runs import PreparedRun, background_quantiles
from egams.spectrogram.descriptors import LEVEL

Span = tuple[float, float]


def occluded(
    run: PreparedRun, windows: Iterable[Window], *, kept: Sequence[Window] = ()
) -> PreparedRun:
    """Replace the abundances in windows by the background of each ion.

    It is the level that 5 % of the ion's abundances are below: about what is subtracted from all of
    them before a model sees them, so that nothing is left of the window. Nor is anything left of
    the asPLS baseline there, which follows broad releases. What does not change is the run itself.

    Parameters
    ----------
    run
        Prepared.
    windows
        What is taken away; ions that were not measured are passed over.
    kept
        What stays nevertheless, where it overlaps with them.
    """
    taken, stays = _spans(windows), _spans(kept)
    abundance, baseline = run.abundance.copy(), run.baseline.copy()
    for column, mz in enumerate(run.mz.tolist()):
        if mz not in taken:
            continue
        inside = _inside(run, taken[mz]) & ~_inside(run, stays.get(mz, []))
        level = run.background[0, LEVEL, column]
        for values in (abundance[:, column], baseline[:, column]):
            values[inside] = np.minimum(values[inside], level)
    changed = (abundance != run.abundance) | (baseline != run.baseline)
    changed &= ~np.isnan(run.abundance)
    if not changed.any():
        return run
    largest = np.nanmax(abundance)
    if 0 < largest < np.nanmax(run.abundance):
        abundance, baseline = abundance / largest, baseline / largest
        changed[:] = True
    background = run.background.copy()
    columns = np.flatnonzero(changed.any(0))
    above = abundance[:, columns], abundance[:, columns] - baseline[:, columns]
    background[:, :, columns] = [background_quantiles(each) for each in above]
    return replace(run, abundance=abundance, baseline=baseline, background=background)


def _spans(windows: Iterable[Window]) -> dict[int, list[Span]]:
    spans: dict[int, list[Span]] = defaultdict(list)
    for window in windows:
        for mz in window.mz:
            spans[mz].append((window.start_degC, window.end_degC))
    return spans


def _inside(run: PreparedRun, spans: Sequence[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    inside = np.zeros(len(run.temperature), np.bool_)
    for start, end in spans:
        inside |= (run.temperature >= start) & (run.temperature <= end)
    return inside
