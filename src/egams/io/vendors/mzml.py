"""mzML: scans of masses and intensities as XML with arrays in base64."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from xml.etree import ElementTree

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.tables.account import Account
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.snap import snapped
from egams.io.tables.units import BY_NAME

_LEVEL, _START = "MS:1000511", "MS:1000016"
_ARRAYS = {"MS:1000514": "mz", "MS:1000515": "intensity"}
_KINDS = {"MS:1000523": "<f8", "MS:1000521": "<f4", "MS:1000519": "<i4", "MS:1000522": "<i8"}
_PACKED, _PLAIN = "MS:1000574", "MS:1000576"
_TIMES = {"UO:0000010": "s", "UO:0000031": "min", "UO:0000028": "ms", "UO:0000032": "h"}
MAX_POINTS = 2**24
"""Most points of one scan."""
_DAMAGED = (ElementTree.ParseError, binascii.Error, zlib.error, ValueError, KeyError)


def is_mzml(data: bytes) -> bool:
    """Whether a file is mzML.

    Parameters
    ----------
    data
        Its bytes.
    """
    head = data[:4096].lstrip(b"\xef\xbb\xbf \r\n")
    return head.startswith(b"<") and (b"<mzML" in head or b"<indexedmzML" in head)


def read_mzml(data: bytes, file: str, hints: Hints) -> Recording:
    """Return the readings of all scans of MS level 1; it holds no temperature.

    Parameters
    ----------
    data
        The bytes.
    file
        What to call the file in messages.
    hints
        Of no use: the format names its columns itself.

    Raises
    ------
    InputError
        If it is damaged, or a scan has no time or is packed in another way.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError("declares entities, which no mzML does", file=file)
    times, masses, signals = [], [], []
    others = 0
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(data)):
            if element.tag.rpartition("}")[2] != "spectrum":
                continue
            terms = _terms(element)
            if terms.get(_LEVEL, ("1", ""))[0] == "1":
                arrays = _arrays(element)
                if arrays["mz"].size != arrays["intensity"].size:
                    raise ValueError(f"scan {element.get('id')} has arrays of two lengths")
                order = np.argsort(arrays["mz"], kind="stable")
                times.append(_seconds(terms))
                masses.append(arrays["mz"][order])
                signals.append(arrays["intensity"][order])
            else:
                others += 1
            element.clear()
    except _DAMAGED as error:
        raise InputError(
            f"cannot be read as mzML: it is cut off or damaged ({error})",
            file=file,
            hint="Export it again, without MS-Numpress.",
        ) from error
    if not times:
        raise InputError("holds no scans", file=file)
    notes = [f"read as mzML: {len(times)} scans"]
    notes += [f"{others} scans of other MS levels left out"] if others else []
    return snapped(
        Recording(
            time=np.repeat(np.array(times), [mz.size for mz in masses]),
            temp=None,
            mz=np.concatenate(masses),
            abundance=np.concatenate(signals),
            file=file,
            line=lambda i: i + 1,
            account=Account("mzML", notes=tuple(notes)),
        )
    )


def _terms(element: ElementTree.Element) -> dict[str, tuple[str, str]]:
    """Return value and unit of the terms in an element, its arrays' left out."""
    found = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name == "cvParam":
            unit = child.get("unitAccession", "")
            found[child.get("accession", "")] = child.get("value", ""), unit
        elif name in ("scanList", "scan"):
            found |= _terms(child)
    return found


def _seconds(terms: dict[str, tuple[str, str]]) -> float:
    value, unit = terms[_START]
    return float(BY_NAME[_TIMES[unit]].ours(np.array([float(value)]))[0])


def _arrays(spectrum: ElementTree.Element) -> dict[str, FloatArray]:
    arrays = {}
    for element in spectrum.iter():
        if element.tag.rpartition("}")[2] != "binaryDataArray":
            continue
        terms = _terms(element)
        what = next((name for term, name in _ARRAYS.items() if term in terms), None)
        if what is None:
            continue
        kind = _KINDS[next((term for term in _KINDS if term in terms), "no kind of number")]
        count = int(element.get("arrayLength") or spectrum.get("defaultArrayLength") or 0)
        if not 0 <= count <= MAX_POINTS:
            raise ValueError(f"{count} points in one scan")
        text = next((c.text for c in element if c.tag.rpartition("}")[2] == "binary"), "") or ""
        packed = base64.b64decode(text, validate=False)
        size = count * np.dtype(kind).itemsize
        if _PACKED in terms:
            packed = zlib.decompressobj().decompress(packed, size + 1)
        elif _PLAIN not in terms:
            raise ValueError("an array is packed in a way egams does not read")
        if len(packed) != size:
            raise ValueError(f"{len(packed)} bytes where {size} should be")
        arrays[what] = np.frombuffer(packed, kind).astype(float)
    return {name: arrays[name] for name in ("mz", "intensity")}
