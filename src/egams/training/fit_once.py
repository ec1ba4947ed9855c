"""`fit_once`: neighbours fitted by the first training on some runs, and read by all others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import Field

from egams.arrays import IntArray
from egams.artifact import Artifact, digest_of, file_digests, refuse_damaged, remove, written_whole
from egams.errors import ArtifactError
from egams.lock import locked
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.predictor import NEIGHBOURS, Features
from egams.spectrogram.resident import ResidentRuns
from egams.training.checkpoint import made_for
from egams.training.controls import Progress
from egams.training.neighbours import fit_neighbours

EVIDENCE = "evidence.safetensors"


class FitRecord(Artifact):
    """``manifest.json`` of a kept fit: digests of what it is for, and of its files."""

    kind = "fit of neighbours"
    format_version = 1

    purpose: str
    files: dict[str, str] = Field(default_factory=dict)


def fit_once(
    config: NeighboursConfig,
    runs: ResidentRuns,
    positions: IntArray,
    kept: Path | None,
    *,
    progress: Progress | None = None,
) -> tuple[Neighbours, Features]:
    """Fit on some of the runs, or read what another training fitted on them.

    Who comes second waits for the first. A fit of other runs or settings, of another egams, or a
    damaged one is made anew.

    Parameters
    ----------
    config
        Of the fit.
    runs, positions
        Prepared runs, and which of them ``[run]``.
    kept
        Folder of the fit; None keeps nothing.
    progress
        Called after each step of a fit.

    Returns
    -------
    Neighbours, NDArray
        As `egams.training.neighbours.fit_described` returns them.
    """
    if kept is None:
        return fit_neighbours(config, runs, positions, progress=progress)
    wanted = FitRecord(purpose=digest_of(made_for(runs, positions, 0, neighbours=config)))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with locked(kept.with_name(f".{kept.name}.lock")):
        found = _read(kept, wanted)
        if found is None:
            found = fit_neighbours(config, runs, positions, progress=progress)
            with suppress(OSError):  # who cannot keep it has it all the same
                _write(kept, wanted, *found)
    return found


def _read(kept: Path, wanted: FitRecord) -> tuple[Neighbours, Features] | None:
    from safetensors.numpy import load_file

    try:
        record = FitRecord.load(kept)
        if record.model_copy(update={"files": {}}) != wanted:
            return None
        refuse_damaged(kept, {NEIGHBOURS: "", EVIDENCE: ""} | record.files, record.again)
        return Neighbours.load(kept / NEIGHBOURS), load_file(kept / EVIDENCE)["evidence"]
    except ArtifactError:
        return None


def _write(kept: Path, record: FitRecord, neighbours: Neighbours, found: Features) -> None:
    from safetensors.numpy import save_file

    remove(kept)
    with written_whole(kept) as temporary:
        temporary.mkdir()
        neighbours.save(temporary / NEIGHBOURS)
        save_file({"evidence": found}, temporary / EVIDENCE)
        files = file_digests(temporary, temporary.iterdir())
        record.model_copy(update={"files": files}).save(temporary)
