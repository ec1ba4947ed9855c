"""Order of readings within scans, and m/z that drift about whole numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egams.arrays import FloatArray, IntArray
from egams.io.tables.recording import Recording

TOLERANCE = 0.3
"""A channel this near to a whole m/z is of it, unless another one is too."""
JUMBLED = 0.2
"""A cycle in which fewer m/z fall holds ascending scans, each of its own m/z, as SAM's does."""


def in_scan_order(recording: Recording) -> Recording:
    """Return readings whose m/z ascend within each scan.

    Only a scan's own readings change places: those of one time, or, where each reading has a time
    of its own, a stretch of m/z that repeats throughout.

    Parameters
    ----------
    recording
        Readings in the order of the file.
    """
    mz, time = recording.mz, recording.time
    if mz.size < 4 or time is None or not (np.isfinite(mz).all() and np.isfinite(time).all()):
        return recording
    rises, same = np.diff(mz) > 0, np.diff(time) == 0
    falls = ~rises
    if same.mean() > 0.5 and (falls & same).any():
        scan = np.concatenate(([0], np.cumsum(~same)))
    else:
        period = _period(mz)
        if period is None or period == 1 or falls[: period - 1].mean() < JUMBLED:
            return recording
        scan = np.arange(mz.size) // period
    order: IntArray = np.lexsort((mz, scan))
    if np.array_equal(order, np.arange(mz.size)):
        return recording
    return recording.take(order, "readings put in order of m/z within each scan")


def _period(mz: FloatArray) -> int | None:
    again = np.flatnonzero(mz[1:] == mz[0])
    if not again.size:
        return None
    period = int(again[0]) + 1
    return period if bool(np.all(mz[period:] == mz[:-period])) else None


def snapped(recording: Recording) -> Recording:
    """Return readings with whole m/z where fractions are drift of the mass scale.

    They are drift where no scan holds two m/z of one whole number. Elsewhere, as in scans in
    tenths of an m/z, all stay as they are.

    Parameters
    ----------
    recording
        Readings, m/z ascending within scans.
    """
    mz = recording.mz
    if not np.isfinite(mz).all():
        return recording
    whole = np.round(mz)
    off = np.abs(mz - whole)
    near = (off <= TOLERANCE) & (whole >= 1)
    if not (near & (off > 0)).any():
        return recording
    scan = np.concatenate(([0], np.cumsum(np.diff(mz) <= 0)))
    keys = np.stack([scan[near], whole[near]], axis=1)
    if len(np.unique(keys, axis=0)) < len(keys):
        return recording
    largest = float(off[near].max())
    note = f"m/z up to {largest:.2f} off a whole number: taken as the nearest"
    return replace(recording, mz=np.where(near, whole, mz), account=recording.account.noted(note))
