"""`Journal`: a store under way, which survives that the process is killed."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egams.artifact import MANIFEST, header
from egams.errors import ArtifactError
from egams.io import RunSource
from egams.store.run_store import DATA, FORMAT_VERSION, KIND, Block

LINES = "journal.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What became of one run: a block, or the reason why there is none."""

    run_id: str
    fingerprint: str
    block: Block | None
    reason: str | None = None


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
        folder.mkdir(parents=True, exist_ok=True)
        ours = (DATA, LINES, MANIFEST)
        for path in folder.iterdir():
            if path.name not in ours and not path.name.startswith(f".{MANIFEST}"):
                raise ArtifactError(
                    f"{folder}: holds '{path.name}', which egams did not put there; this folder is "
                    "where the store grows. Choose another output, or remove it yourself."
                )

    def recover(self, source: RunSource) -> list[dict[str, Any]]:
        """Return the lines of the runs that are done; cut off what was written by halves.

        Runs that have changed since, and all after them, are not done.
        """
        opening = _line(header(KIND, FORMAT_VERSION))
        lines = self.lines.read_bytes().splitlines(keepends=True) if self.lines.is_file() else []
        if lines[:1] != [opening]:
            self.lines.write_bytes(opening)
            lines = []
        done: list[dict[str, Any]] = []
        kept, end = len(opening), 0
        with self.data.open("ab"), self.data.open("rb") as data:
            for line, run_id in zip(lines[1:], source.ids, strict=False):
                entry = _entry(line)
                if (
                    entry is None
                    or (entry["run_id"], entry["fingerprint"])
                    != (run_id, source.fingerprint(run_id))
                    or zlib.crc32(data.read(entry["size"])) != entry["crc32"]
                ):
                    break
                done.append(entry)
                kept, end = kept + len(line), end + entry["size"]
        os.truncate(self.lines, kept)
        os.truncate(self.data, end)
        return done

    def append(self, outcomes: Iterable[Outcome]) -> Iterator[dict[str, Any]]:
        """Write outcomes as they come, first a run's bytes, then its line; yield the lines."""
        with self.data.open("ab") as data, self.lines.open("ab") as lines:
            for outcome in outcomes:
                block = b"" if outcome.block is None else outcome.block.data
                data.write(block)
                data.flush()
                line = {
                    "run_id": outcome.run_id,
                    "fingerprint": outcome.fingerprint,
                    "size": len(block),
                    "crc32": zlib.crc32(block),
                    "entry": None if outcome.block is None else outcome.block.entry,
                    "reason": outcome.reason,
                }
                lines.write(_line(line))
                lines.flush()
                yield line


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def _entry(line: bytes) -> dict[str, Any] | None:
    """Read a line; None where it was not written to its end."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and line.endswith(b"\n") else None
