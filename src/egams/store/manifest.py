"""`StoreManifest`: which runs a store holds, and what each looks like in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from egams.artifact import STRICT, Artifact
from egams.families import FAMILIES, Instrument
from egams.io import SkippedRun

PARTS = 6
Label = Annotated[int, Field(ge=0, le=1)]
Labels = Annotated[tuple[Label, ...], Field(min_length=len(FAMILIES), max_length=len(FAMILIES))]


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
    labels: Labels | None
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

    @classmethod
    def of(
        cls, runs: Sequence[StoredRun], skipped: Sequence[SkippedRun], data: NDArray[np.uint8]
    ) -> Self:
        """Describe runs whose blocks stand one after the other in `data`."""
        entries = [entry.model_dump(mode="json") for entry in runs]
        digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode())
        digest.update(np.ascontiguousarray(data).data)
        return cls(runs=tuple(runs), skipped=tuple(skipped), fingerprint=digest.hexdigest()[:16])
