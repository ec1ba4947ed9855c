"""`RunStore`: opens in milliseconds, decodes a run on access."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from egams.artifact import written_whole
from egams.errors import ArtifactError
from egams.families import FAMILIES
from egams.io import SkippedRun
from egams.preprocess.prepare_runs import PreparedRun
from egams.store.codec import ABUNDANCE_ORDER, BASELINE_ORDER, decode, encode, rounding_steps
from egams.store.manifest import StoredRun, StoreManifest

DATA = "runs.bin"


@dataclass(frozen=True)
class Block:
    """A prepared run as it stands in the file, and what the manifest says of it."""

    data: bytes
    entry: StoredRun


def to_block(run: PreparedRun) -> Block:
    """Encode a prepared run.

    Layout, little-endian: temperature f8 [scan], step f8 [m/z], background f8 [2, quantile, m/z],
    m/z u1 [m/z], abundance (compressed), baseline (compressed).
    """
    steps = rounding_steps(run.abundance, run.baseline, run.background, run.mz)
    parts = [
        run.temperature.astype("<f8").tobytes(),
        steps.astype("<f8").tobytes(),
        run.background.astype("<f8").tobytes(),
        run.mz.astype(np.uint8).tobytes(),
        encode(run.abundance, steps, order=ABUNDANCE_ORDER),
        encode(run.baseline, steps, order=BASELINE_ORDER),
    ]
    data = b"".join(parts)
    entry = StoredRun(
        run_id=run.run_id,
        instrument=run.instrument,
        labels=None if run.labels is None else tuple(int(value) for value in run.labels),
        scans=len(run.temperature),
        mz=len(run.mz),
        parts=tuple(len(part) for part in parts),
        notes=run.notes,
        crc32=zlib.crc32(data),
    )
    return Block(data, entry)


def from_block(data: NDArray[np.uint8], entry: StoredRun, where: Path | str) -> PreparedRun:
    """Decode what `to_block` wrote.

    Raises
    ------
    ArtifactError
        If a byte has changed since; it names `where`.
    """
    _refuse_damaged(data, entry, where)
    try:
        return _decoded(data, entry)
    except (ValueError, OverflowError, MemoryError, ArtifactError) as error:
        raise ArtifactError(
            f"{where}: run '{entry.run_id}' is not as its manifest says ({error}). "
            f"{StoreManifest.again}"
        ) from error


def _decoded(data: NDArray[np.uint8], entry: StoredRun) -> PreparedRun:
    parts = np.split(data, np.cumsum(entry.parts)[:-1])
    temperature, steps = (part.view("<f8").astype(np.float64) for part in parts[:2])
    if (len(temperature), len(steps)) != (entry.scans, entry.mz):
        raise ArtifactError(f"{len(temperature)} scans of {len(steps)} m/z")
    return PreparedRun(
        run_id=entry.run_id,
        instrument=entry.instrument,
        labels=None if entry.labels is None else np.asarray(entry.labels, dtype=np.float32),
        temperature=temperature,
        mz=parts[3].astype(np.intp),
        abundance=decode(parts[4], steps, entry.scans, order=ABUNDANCE_ORDER),
        baseline=decode(parts[5], steps, entry.scans, order=BASELINE_ORDER),
        background=parts[2].view("<f8").astype(np.float64).reshape(2, -1, entry.mz),
        notes=entry.notes,
    )


def _refuse_damaged(data: NDArray[np.uint8], entry: StoredRun, where: Path | str) -> None:
    if zlib.crc32(data.data) != entry.crc32:
        raise ArtifactError(f"{where}: run '{entry.run_id}' is damaged. {StoreManifest.again}")


class RunStore(Sequence[PreparedRun]):
    """Prepared runs, by position; a slice is a store in memory, without the skipped runs.

    Parameters
    ----------
    manifest
        Which runs it holds.
    data
        Bytes of all runs, one after the other.
    path
        Folder they are in; None for a store in memory.
    """

    def __init__(
        self, manifest: StoreManifest, data: NDArray[np.uint8], path: Path | None = None
    ) -> None:
        self.manifest = manifest
        self.path = path
        self._data = data
        self._entries = manifest.runs
        self._ends = np.cumsum([entry.size for entry in self._entries], dtype=np.int64)
        size = int(self._ends[-1]) if self._entries else 0
        if len(data) != size:
            raise ArtifactError(
                f"{self._where}: holds {len(data)} bytes, its manifest says {size}. "
                f"{manifest.again}"
            )

    @property
    def _where(self) -> Path | str:
        return "a store in memory" if self.path is None else self.path / DATA

    @classmethod
    def open(cls, path: str | Path) -> RunStore:
        """Open the store in the folder `path`.

        Raises
        ------
        ArtifactError
            If it is no store, incomplete, or of another format.
        """
        folder = Path(path)
        manifest = StoreManifest.load(folder)
        file = folder / DATA
        if not file.is_file():
            raise ArtifactError(f"{file}: is missing. {manifest.again}")
        empty = file.stat().st_size == 0
        data = np.empty(0, np.uint8) if empty else np.memmap(file, dtype=np.uint8, mode="r")
        return cls(manifest, data, folder)

    def refuse_damaged(self) -> None:
        """See that the bytes of every run are as the manifest says.

        Raises
        ------
        ArtifactError
            If they are not.
        """
        for place, entry in enumerate(self._entries):
            _refuse_damaged(self._block(place), entry, self._where)

    def refuse_other_fingerprint(self) -> None:
        """Compute the fingerprint again, from all runs and labels.

        Raises
        ------
        ArtifactError
            If the manifest says another.
        """
        manifest = self.manifest
        if StoreManifest.of(manifest.runs, (), self._data).fingerprint != manifest.fingerprint:
            raise ArtifactError(
                f"{self._where}: its runs have another fingerprint than its manifest says. "
                f"{manifest.again}"
            )

    def path_or_copy(self, path: Path) -> Path:
        """Where the store is on disk; a store in memory is written to `path` first."""
        if self.path is not None:
            return self.path
        with written_whole(path) as temporary:
            temporary.mkdir()
            (temporary / DATA).write_bytes(np.ascontiguousarray(self._data).tobytes())
            self.manifest.save(temporary)
        return path

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> PreparedRun: ...

    @overload
    def __getitem__(self, index: slice) -> RunStore: ...

    def __getitem__(self, index: int | slice) -> PreparedRun | RunStore:
        if isinstance(index, slice):
            return self._some(range(len(self))[index])
        return from_block(self._block(index), self._entries[index], self._where)

    def _block(self, index: int) -> NDArray[np.uint8]:
        end = int(self._ends[index])
        return np.asarray(self._data[end - self._entries[index].size : end])

    def _some(self, places: range) -> RunStore:
        entries = [self._entries[place] for place in places]
        if places and places.step == 1:  # the same bytes, not copied
            start = int(self._ends[places[0]]) - entries[0].size
            data = self._data[start : int(self._ends[places[-1]])]
        else:
            data = np.concatenate([np.empty(0, np.uint8), *map(self._block, places)])
        return RunStore(StoreManifest.of(entries, (), data), data)

    @property
    def ids(self) -> tuple[str, ...]:
        """Run ids ``[run]``."""
        return tuple(entry.run_id for entry in self._entries)

    @property
    def instruments(self) -> NDArray[np.str_]:
        """Instrument of each run ``[run]``."""
        return np.array([entry.instrument for entry in self._entries], dtype=np.str_)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which runs have labels ``[run]``."""
        return np.array([entry.labels is not None for entry in self._entries], dtype=np.bool_)

    @property
    def labels(self) -> NDArray[np.float32]:
        """Labels ``[run, family]``; NaN where unknown."""
        unknown = [np.nan] * len(FAMILIES)
        rows = [unknown if entry.labels is None else entry.labels for entry in self._entries]
        return np.asarray(rows, dtype=np.float32).reshape(-1, len(FAMILIES))

    @property
    def notes(self) -> tuple[tuple[str, ...], ...]:
        """Notes of the reader on each run ``[run]``."""
        return tuple(entry.notes for entry in self._entries)

    @property
    def skipped(self) -> list[SkippedRun]:
        """Runs that were not used, and why."""
        return list(self.manifest.skipped)

    @property
    def fingerprint(self) -> str:
        """Hash over all runs, as prepared, and their labels."""
        return self.manifest.fingerprint
