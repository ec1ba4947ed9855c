"""Columns of Arrow as arrays of NumPy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from egams.arrays import FloatArray


def floats_of(column: pa.ChunkedArray) -> FloatArray:
    """Return a column of float64, NaN where it is null.

    By its buffers: pyarrow's own `to_numpy` takes a fifth of a second to load pandas, where that is
    installed.

    Parameters
    ----------
    column
        Of type float64 ``[row]``.
    """
    return np.concatenate([_chunk(each) for each in column.chunks] or [np.empty(0)])


def _chunk(chunk: pa.DoubleArray) -> FloatArray:
    here = slice(chunk.offset, chunk.offset + len(chunk))
    known, values = chunk.buffers()
    found = np.frombuffer(values, np.float64)[here]
    if not chunk.null_count:
        return found
    bits = np.unpackbits(np.frombuffer(known, np.uint8), bitorder="little")[here]
    return np.where(bits, found, np.nan)
