"""Where the bytes of a CSV lie, and how to get at them without trusting their size."""

from __future__ import annotations

import gzip
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from egams.errors import InputError
from egams.io.text import HEAD, check_begins

MAX_BYTES = 512 * 2**20
"""Most bytes of one run once unpacked; the largest of the challenge has 4 MB."""
MAX_RATIO = 200
RATIO_MATTERS_FROM = 50 * 10**6
_PIECE = 2**20
_LOCAL_HEADER = struct.Struct("<4s22xHH")


class Blob(Protocol):
    """The bytes of one CSV; picklable."""

    @property
    def name(self) -> str:
        """What to call it in messages."""

    def read(self) -> bytes:
        """Return the bytes; raises `InputError` if that cannot be done or is not safe."""

    def fingerprint(self) -> str:
        """Return what changes when the bytes change."""


@dataclass(frozen=True)
class FileBlob:
    """A ``.csv`` or ``.csv.gz`` file."""

    path: Path

    @property
    def name(self) -> str:
        """Path of the file."""
        return str(self.path)

    def read(self) -> bytes:
        """Return the bytes of the file, unpacked."""
        refuse_no_file(self.path)
        with input_errors(self.name), self.path.open("rb") as file:
            size, packed = self.path.stat().st_size, self.path.suffix == ".gz"
            if not packed:
                check_size(self.name, size, size)
            unpacked = gzip.GzipFile(fileobj=file) if packed else file
            return _collect(iter(lambda: unpacked.read(_PIECE), b""), size, self.name)

    def fingerprint(self) -> str:
        """Return size and time of the last change."""
        try:
            known = self.path.stat()
        except OSError:  # `read` says why
            return "unreadable"
        return f"{known.st_size}-{known.st_mtime_ns}"


@dataclass(frozen=True)
class ZipBlob:
    """A member of a zip archive.

    The offset is kept so that a load need not read the archive's directory again, which would
    take as long as the rest of it.
    """

    archive: Path
    member: str
    offset: int
    method: int
    packed_size: int
    size: int
    crc: int

    @property
    def name(self) -> str:
        """Path of the archive and, behind it, of the member."""
        return f"{self.archive}/{self.member}"

    def read(self) -> bytes:
        """Return the bytes of the member, unpacked in memory, never onto disk."""
        if self.method not in (0, 8):
            raise InputError(
                "is packed in a way egams does not read",
                file=self.name,
                expected="a member that is stored or deflated, and not encrypted",
            )
        check_size(self.name, self.size, self.packed_size)
        with input_errors(self.name), self.archive.open("rb") as file:
            file.seek(max(self.offset, 0))
            magic, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            if magic != b"PK\x03\x04":
                raise zlib.error("the archive has changed since it was opened")
            file.seek(name_length + extra_length, 1)
            packed = _at_most(file, self.packed_size)
            pieces = _inflate(packed) if self.method else packed
            data = _collect(pieces, self.packed_size, self.name, limit=self.size)
            if len(data) != self.size or zlib.crc32(data) != self.crc:
                raise zlib.error("the checksum does not fit")
            return data

    def fingerprint(self) -> str:
        """Return checksum and size."""
        return f"{self.crc:08x}-{self.size}"


@dataclass(frozen=True)
class RefusedBlob:
    """A run that is known to exist but has no bytes to use."""

    name: str
    problem: str
    row: int | None = None
    hint: str | None = None

    def read(self) -> bytes:
        """Raise `InputError` with the reason."""
        raise InputError(self.problem, file=self.name, row=self.row, hint=self.hint)

    def fingerprint(self) -> str:
        """Return a constant."""
        return "refused"


def refuse_no_file(path: Path) -> None:
    """See that a path is a regular file: to open a pipe may wait for ever, and a device does more.

    Parameters
    ----------
    path
        Of what is to be read.

    Raises
    ------
    InputError
        If it is not, or not there.
    """
    with input_errors(str(path)):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise InputError("is no regular file", file=path, expected="a file with a table")


@contextmanager
def input_errors(name: str) -> Iterator[None]:
    """Turn what the operating system and the unpackers raise into `InputError`."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise InputError(
            f"cannot be unpacked: it is cut off or damaged ({error})",
            file=name,
            hint="Copy or download it again.",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=name) from error


def _collect(pieces: Iterator[bytes], packed_size: int, name: str, limit: int = MAX_BYTES) -> bytes:
    """Join pieces; stop as soon as they are no table or too many."""
    kept, total, checked = [], 0, False
    for piece in pieces:
        kept.append(piece)
        total += len(piece)
        check_size(name, total, packed_size, limit)
        if not checked and total >= HEAD:
            _check_begins(b"".join(kept)[:HEAD], name)
            checked = True
    data = b"".join(kept)
    if not checked:
        _check_begins(data, name)
    return data


def _check_begins(head: bytes, name: str) -> None:
    from egams.io.readers import own_readers

    try:
        check_begins(head, name)
    except InputError:  # a binary format of one's own may have no lines
        if not any(reader.recognises(head) for reader in own_readers()):
            raise


def _inflate(packed: Iterator[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in packed:
        rest = piece
        while rest and not machine.eof:
            yield machine.decompress(rest, _PIECE)
            rest = machine.unconsumed_tail
    while not machine.eof:
        piece = machine.decompress(machine.unconsumed_tail, _PIECE)
        if not piece:
            raise EOFError("the data end early")
        yield piece


def _at_most(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = file.read(min(size, _PIECE))
        if not piece:
            raise EOFError("the archive ends early")
        size -= len(piece)
        yield piece


def check_size(name: str, size: int, packed_size: int, limit: int = MAX_BYTES) -> None:
    """Refuse what is larger than any run, or than its packed size allows.

    Parameters
    ----------
    name
        What to call it in messages.
    size, packed_size
        Bytes unpacked, so far or as stated, and packed.
    limit
        Most bytes.

    Raises
    ------
    InputError
        If it is.
    """
    if size > min(limit, MAX_BYTES):
        raise InputError(
            f"has more than {MAX_BYTES // 2**20} MiB",
            file=name,
            expected="one run, a few MB",
            hint="Many runs in one table are read from Parquet.",
        )
    if size > RATIO_MATTERS_FROM and size > MAX_RATIO * packed_size:
        raise InputError(
            f"unpacks from {packed_size} to at least {size} bytes, more than any run does",
            file=name,
            expected=f"a ratio below {MAX_RATIO}",
        )
