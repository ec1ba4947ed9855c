"""`StoreManifest`: which runs a store holds, and what each looks like in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from egams.artifact import STRICT, Artifact
from egams.families import Instrument
from egams.io import SkippedRun

PARTS = 6


class StoredRun(BaseModel):
    """What a manifest knows of a run.

    Parameters
    ----------
    labels
        0 or 1 ``[family]``; None where unknown.
    scans, mz
        How many.
    parts
        Sizes of the parts of its block in bytes.
    notes
        What the reader reported.
    crc32
        Of the block.
    """

    model_config = STRICT | ConfigDict(frozen=True)

    run_id: str
    instrument: Instrument
    labels: tuple[int, ...] | None
    scans: int
    mz: int
    parts: Annotated[tuple[int, ...], Field(min_length=PARTS, max_length=PARTS)]
    notes: tuple[str, ...]
    crc32: int

    @property
    def size(self) -> int:
        """Bytes of the block."""
        return sum(self.parts)


class StoreManifest(Artifact):
    """What a store holds.

    Parameters
    ----------
    runs
        In the order of their blocks.
    skipped
        Runs that were not used.
    fingerprint
        Hash over all runs, as prepared, and their labels.
    """

    kind = "store"
    format_version = 2
    again = "Copy or prepare the store again."

    runs: tuple[StoredRun, ...]
    skipped: tuple[SkippedRun, ...]
    fingerprint: str
