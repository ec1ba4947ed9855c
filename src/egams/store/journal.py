"""`Journal`: a store under way, which survives that the process is killed."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egams.artifact import MANIFEST, Artifact, header
from egams.errors import ArtifactError
from egams.full_disk import names_full_disk
from egams.io import RunSource
from egams.store.manifest import StoredRun, StoreManifest
from egams.store.run_store import DATA, Block

LINES = "journal.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What became of one run: a block, or the reason why there is none."""

    run_id: str
    fingerprint: str
    block: Block | None
    reason: str | None = None


class Line(Artifact):
    """What the journal keeps of a run: checksum of its bytes, and its entry, or why not."""

    kind = "journal line"
    format_version = StoreManifest.format_version

    run_id: str
    fingerprint: str
    size: int
    crc32: int
    entry: StoredRun | None
    reason: str | None


class Journal:
    """Bytes of the runs done so far, and one line for each that accounts for them.

    Parameters
    ----------
    folder
        Where the store grows; made if it is not there.

    Raises
    ------
    ArtifactError
        If the folder holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.data = folder / DATA
        self.lines = folder / LINES
        with names_full_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        ours = (DATA, LINES, MANIFEST)
        for path in folder.iterdir():
            if path.name not in ours and not path.name.startswith(f".{MANIFEST}"):
                raise ArtifactError(
                    f"{folder}: holds '{path.name}', which egams did not put there; this folder is "
                    "where the store grows. Choose another output, or remove it yourself."
                )

    def recover(self, source: RunSource) -> list[Line]:
        """Return the lines of the runs that are done; cut off what was written by halves.

        Runs that have changed since, and all after them, are not done.
        """
        opening = _line(header(StoreManifest.kind, StoreManifest.format_version))
        lines = self.lines.read_bytes().splitlines(keepends=True) if self.lines.is_file() else []
        if lines[:1] != [opening]:
            with names_full_disk(self.lines):
                self.lines.write_bytes(opening)
            lines = []
        done: list[Line] = []
        kept, end = len(opening), 0
        with self.data.open("ab"), self.data.open("rb") as data:
            for text, run_id in zip(lines[1:], source.ids, strict=False):
                line = _read(text)
                if (
                    line is None
                    or (line.run_id, line.fingerprint) != (run_id, source.fingerprint(run_id))
                    or zlib.crc32(data.read(line.size)) != line.crc32
                ):
                    break
                done.append(line)
                kept, end = kept + len(text), end + line.size
        os.truncate(self.lines, kept)
        os.truncate(self.data, end)
        return done

    def append(self, outcomes: Iterable[Outcome]) -> Iterator[Line]:
        """Write outcomes as they come, first a run's bytes, then its line; yield the lines."""
        with (
            names_full_disk(self.data.parent),
            self.data.open("ab") as data,
            self.lines.open("ab") as lines,
        ):
            for outcome in outcomes:
                block = b"" if outcome.block is None else outcome.block.data
                data.write(block)
                data.flush()
                line = Line(
                    run_id=outcome.run_id,
                    fingerprint=outcome.fingerprint,
                    size=len(block),
                    crc32=zlib.crc32(block),
                    entry=None if outcome.block is None else outcome.block.entry,
                    reason=outcome.reason,
                )
                lines.write(_line(line.content()))
                lines.flush()
                yield line


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def _read(text: bytes) -> Line | None:
    """Read a line; None where it was not written to its end, or is damaged."""
    try:
        return Line.parse(text, LINES) if text.endswith(b"\n") else None
    except ArtifactError:
        return None
