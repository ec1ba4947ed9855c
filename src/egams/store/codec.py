"""A prepared run as bytes: multiples of a step too small to show in a spectrogram, compressed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray, IntArray
from egams.conventions import HELIUM, HELIUM_SCALE, NORM_OFFSET
from egams.errors import ArtifactError

if TYPE_CHECKING:
    import pyarrow as pa

TOLERANCE = 2.0**-21
"""Largest error of a rendered value before its logarithm, as a share of the spectrogram's maximum.

An error of 1e-3 of the log10 range 1e-4..1 is 2^-20 at the floor, where it shows most; half of
that, because the total is jittered too."""

UNLIKELY = 64.0
"""Random scaling of the m/z hardly ever lifts one against another by more than this."""

ABUNDANCE_ORDER, BASELINE_ORDER = 1, 2
"""Times that neighbouring scans are subtracted before compression: baselines are smoother."""

_NOT_MEASURED = np.int32(np.iinfo(np.int32).min)
_LARGEST = 2.0**31 - 2
_MIDDLE = np.uint32(0x80808080)  # keeps small differences of either sign out of the high bytes


def rounding_steps(
    abundance: FloatArray, baseline: FloatArray, background: FloatArray, mz: IntArray
) -> FloatArray:
    """Choose how finely to round each m/z of a run.

    A rendered value is ``scale x / n`` over the largest such value, where x is what background
    subtraction leaves, n the divisor of the normalisation and scale the random factor of the m/z.
    The step of an m/z is therefore tied to its smallest divisor and to the largest value
    beside it: its own, or the run's unless random scaling turns that down. The smallest
    step serves all normalisations, with and without the baseline; it is never below 2^-31 of the
    largest value that is kept.

    Parameters
    ----------
    abundance, baseline
        ``[scan, m/z]``, relative to the run's largest.
    background
        ``[2, quantile, m/z]``.
    mz
        Whole m/z ``[m/z]``.

    Returns
    -------
    FloatArray
        ``[m/z]``.
    """
    helium = np.where(mz == HELIUM, HELIUM_SCALE, 1.0)
    largest = np.fmax.reduce(np.fmax(np.abs(abundance), np.abs(baseline)), axis=0)
    step: FloatArray = np.full(len(mz), np.inf)
    for values, highest in (
        (abundance, background[0, -1]),
        (abundance - baseline, background[1, -1]),
    ):
        signal = np.maximum(np.nan_to_num(values - highest), 0.0)
        row = _near_largest(signal)
        total = signal[:, mz != HELIUM].sum(axis=1, keepdims=True) + NORM_OFFSET
        for shown, divisor in (  # norm max, band and share
            (row, 1.0),
            (row / (row + NORM_OFFSET), row + NORM_OFFSET),
            (_near_largest(signal / total), total.min()),
        ):
            beside = np.maximum(shown * helium, (shown * helium).max() / UNLIKELY)
            step = np.minimum(step, TOLERANCE * divisor * beside / helium)
    step = np.maximum(step, largest / _LARGEST)
    step[step == 0] = 1.0
    return step


def _near_largest(signal: FloatArray) -> FloatArray:
    """Fifth-largest value over scans: a random choice among neighbours hardly misses all five."""
    rank = min(5, len(signal))
    return np.asarray(np.partition(signal, -rank, axis=0)[-rank])


def encode(values: FloatArray, steps: FloatArray, *, order: int) -> bytes:
    """Round ``[scan, m/z]`` to multiples of its steps ``[m/z]`` and compress.

    Neighbouring scans are subtracted `order` times. Bytes of equal significance stand together, so
    that the compressor sees the quiet high bytes apart from the noisy low ones.
    """
    measured = ~np.isnan(values)
    rounded = np.rint(np.where(measured, values, 0.0) / steps).astype(np.int32)
    # Unsigned, so that differences may overflow and come back.
    whole = np.where(measured, rounded, _NOT_MEASURED).view(np.uint32)
    for _ in range(order):
        whole = np.diff(whole, axis=0, prepend=np.uint32(0))
    planes = (whole + _MIDDLE).astype("<u4").reshape(-1, 1).view(np.uint8).T
    return b"".join(_codec().compress(plane.tobytes(), asbytes=True) for plane in planes)


def decode(block: NDArray[np.uint8], steps: FloatArray, scans: int, *, order: int) -> FloatArray:
    """Return what `encode` was given, rounded ``[scan, m/z]``.

    Raises
    ------
    ArtifactError
        If the bytes are not what `encode` wrote.
    """
    size = scans * len(steps)
    try:
        raw = _codec().decompress(block.data, decompressed_size=4 * size, asbytes=True)
    except OSError as error:
        raise ArtifactError(f"a block does not decompress ({error})") from error
    planes = np.frombuffer(raw, np.uint8).reshape(4, scans, len(steps))
    whole = planes[3].astype(np.uint32)
    for plane in planes[2::-1]:
        whole <<= 8
        whole |= plane
    whole -= _MIDDLE
    for _ in range(order):
        np.cumsum(whole, axis=0, out=whole)
    signed = whole.view(np.int32)
    values: FloatArray = signed * steps
    missing = signed == _NOT_MEASURED
    if missing.any():
        values[missing] = np.nan
    return values


@cache
def _codec() -> pa.Codec:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=1)
