"""`check_reader`: runs any reader, yours too, through what egams expects of it."""

from __future__ import annotations

import pickle
import warnings

import numpy as np

from egams.errors import ContractError, EgamsError, InputError
from egams.io.readers import Reader
from egams.io.table import run_from_readings
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording
from egams.io.tables.temperature import Ramp, joined
from egams.io.text import HEAD
from egams.run import Run

SPOILT = 200
FILE = "folder/sample"
STRANGERS = {
    "an empty file": b"",
    "the challenge's layout": b"time,temp,m/z,abundance\n0,30,18,1\n0,30,44,1\n",
    "text": b"Hello\nWorld\n",
    "zeros": bytes(100),
    "bytes of all kinds": bytes(range(256)) * 4,
}
"""What no reader but that of the format itself should take for its own."""
_NASTY = [b"\0", b",", b";", b"\t", b"\n", b"\r", b'"', b"-", b"e", b".", b"9" * 30, b"\xff\xfe"]
_NASTY += [b"inf", b"nan", b"1e999", b"#", b"'", b"\xc3", b"[", b"]", b"(", b"/", b"=", b"&a"]
_NASTY += [b"*a"]


def check_reader(reader: Reader, sample: bytes, *, spoilt: int = SPOILT, seed: int = 0) -> Run:
    """Run a reader through the contract that all of egams' own keep, and return the run it read.

    It recognises its sample and nothing else; it reads the same twice; what it reads is a run, with
    a line for each reading; it can be sent to a worker process; and of a file that is cut off or
    spoilt it either reads a run or raises `InputError` with the name of the file.

    Parameters
    ----------
    reader
        The reader.
    sample
        A good file of its format, unpacked; a small one, since it is read `spoilt` times.
    spoilt
        How many spoilt copies of it to read.
    seed
        Of the faults.

    Raises
    ------
    ContractError
        If it does not keep to it; names what.
    """
    if not isinstance(reader, Reader):
        raise ContractError(f"{reader!r} is no egams.io.Reader.")
    _check_recognises(reader, sample)
    try:
        pickle.loads(pickle.dumps(reader))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ContractError(
            f"{reader.name}: cannot be sent to a worker process ({error}). Expected functions of a "
            "module, no lambdas or functions within functions."
        ) from error
    recording = _read(reader, sample)
    _check_recording(reader, recording)
    again = _read(reader, sample)
    for name in ("time", "temp", "mz", "abundance"):
        one, other = getattr(recording, name), getattr(again, name)
        if (one is None) != (other is None) or not (
            one is None or np.array_equal(one, other, equal_nan=True)
        ):
            raise ContractError(f"{reader.name}: reads another {name} the second time.")
    try:
        run = _run_of(recording)
    except EgamsError as error:
        raise ContractError(f"{reader.name}: what it reads is no run: {error}") from error
    _check_spoilt(reader, sample, spoilt, np.random.default_rng(seed))
    return run


def spoil(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one to four faults of any kind.

    Parameters
    ----------
    data
        The file.
    rng
        Chooses the faults.
    """
    for _ in range(rng.integers(1, 5)):
        at, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 40))
        match rng.integers(7):
            case 0:
                data = data[:at] + bytes([rng.integers(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + _NASTY[rng.integers(len(_NASTY))] + data[at:]
            case 2:
                data = data[:at] + data[at + length :]
            case 3:
                data = data[:at]
            case 4:
                data = data[:at] + data[max(0, at - length) : at] + data[at:]
            case 5:
                lines = data.split(b"\n")
                lines.insert(int(rng.integers(len(lines) + 1)), lines[rng.integers(len(lines))])
                data = b"\n".join(lines)
            case 6:
                lines = data.split(b"\n")
                del lines[rng.integers(len(lines))]
                data = b"\n".join(lines)
    return data


def _check_recognises(reader: Reader, sample: bytes) -> None:
    if not reader.name or any(not suffix.startswith(".") for suffix in reader.suffixes):
        raise ContractError(f"{reader!r}: expected a name, and suffixes that begin with a point.")
    if reader.recognises(sample[:HEAD]) is not True:
        raise ContractError(f"{reader.name}: does not recognise its sample (expected True).")
    for what, head in STRANGERS.items():
        if reader.recognises(head) is not False:
            raise ContractError(f"{reader.name}: takes {what} for its own (expected False).")


def _read(reader: Reader, data: bytes) -> Recording:
    try:
        return reader.read(data, FILE, Hints())
    except InputError as error:
        raise ContractError(f"{reader.name}: refuses its sample: {error}") from error


def _check_recording(reader: Reader, recording: Recording) -> None:
    if not isinstance(recording, Recording):
        raise ContractError(f"{reader.name}: returns {type(recording).__name__}, no Recording.")
    count = len(recording.mz)
    for name in ("time", "temp", "mz", "abundance"):
        values = getattr(recording, name)
        if values is None and name in ("time", "temp"):
            continue
        if not isinstance(values, np.ndarray) or values.shape != (count,):
            raise ContractError(f"{reader.name}: its {name} is no array [{count}], one a reading.")
        if values.dtype != np.float64:
            raise ContractError(f"{reader.name}: its {name} is {values.dtype}, not float64.")
    lines = [recording.line(place) for place in range(0, count, max(1, count // 100))]
    if not all(isinstance(line, int) and line >= 1 for line in lines):
        raise ContractError(f"{reader.name}: its lines are no whole numbers from 1 on.")
    if recording.file != FILE or not recording.account.format:
        raise ContractError(f"{reader.name}: does not pass on the file's name, or states no format")


def _check_spoilt(reader: Reader, sample: bytes, count: int, rng: np.random.Generator) -> None:
    cuts = [sample[: len(sample) * tenth // 10] for tenth in range(1, 10)]
    for number in range(count):
        data = cuts[number] if number < len(cuts) else spoil(sample, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                if reader.recognises(data[:HEAD]):
                    _run_of(reader.read(data, FILE, Hints()))
            except InputError as error:
                if error.file is None or not error.file.startswith(FILE):
                    raise ContractError(
                        f"{reader.name}: a message does not name the file: {error}"
                    ) from error
            except Exception as error:  # whatever a reader raises over a damaged file
                raise ContractError(
                    f"{reader.name}: spoilt file {number} ends in {type(error).__name__}: {error}; "
                    "expected an InputError with the name of the file."
                ) from error


def _run_of(recording: Recording) -> Run:
    whole = joined(recording, Ramp(10, 30), None) if recording.temp is None else recording
    return run_from_readings(whole.table(), "sample")
