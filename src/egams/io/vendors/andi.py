"""ANDI/AIA chromatography-MS files: netCDF-3 with scans of masses and intensities."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.tables.account import Account
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.snap import snapped

MAGIC = (b"CDF\x01", b"CDF\x02")
_NAMES = ("scan_acquisition_time", "scan_index", "mass_values", "intensity_values")
_UNREADABLE = (
    *(ValueError, TypeError, IndexError, KeyError, OverflowError, AssertionError, EOFError),
    *(OSError, MemoryError, AttributeError, RuntimeError),
)


def is_andi(head: bytes) -> bool:
    """Whether a file is netCDF-3.

    Parameters
    ----------
    head
        Its first bytes.
    """
    return head.startswith(MAGIC)


def read_andi(data: bytes, file: str, hints: Hints) -> Recording:
    """Return the readings of an ANDI file; it holds no temperature.

    Parameters
    ----------
    data
        The bytes.
    file
        What to call it in messages.
    hints
        Of no use: the format names its columns itself.

    Raises
    ------
    InputError
        If it is damaged, or no mass spectrometer's.
    """
    time, index, mz, signal = _variables(data, file)
    starts = index.astype(np.intp)
    if (
        time.size != starts.size
        or mz.size != signal.size
        or not starts.size
        or (np.diff(starts) < 0).any()
        or starts[0] < 0
        or starts[-1] > mz.size
    ):
        raise InputError("its scans do not fit its masses", file=file, hint="Export it again.")
    lengths = np.diff(np.append(starts, mz.size))
    held = slice(int(starts[0]), None)
    scan = np.repeat(np.arange(starts.size), lengths)
    mz, signal = mz[held], signal[held]
    order = np.lexsort((mz, scan))
    return snapped(
        Recording(
            time=time[scan][order],
            temp=None,
            mz=mz[order],
            abundance=signal[order],
            file=file,
            line=lambda i: i + 1,
            account=Account("ANDI", notes=(f"read as ANDI netCDF: {starts.size} scans",)),
        )
    )


def _variables(data: bytes, file: str) -> list[FloatArray]:
    from scipy.io import netcdf_file

    try:
        with netcdf_file(io.BytesIO(data), mmap=False) as opened:
            missing = [name for name in _NAMES if name not in opened.variables]
            if missing:
                raise InputError(f"holds no {missing[0]}", file=file, expected="an ANDI file of MS")
            return [_scaled(opened.variables[name]) for name in _NAMES]
    except _UNREADABLE as error:
        raise InputError(
            f"cannot be read as netCDF: it is cut off or damaged ({error})",
            file=file,
            hint="Copy or export it again.",
        ) from error


def _scaled(variable: Any) -> FloatArray:
    factor = float(getattr(variable, "scale_factor", 1.0))
    shift = float(getattr(variable, "add_offset", 0.0))
    return np.array(variable[:], dtype=float).ravel() * factor + shift
