"""Why a run is answered as it is: windows of evidence, known runs, a blank."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body

from egams.conventions import FIRST_COLUMN
from egams.ensemble.predictions import Predictions
from egams.explain.explanation import Explanation
from egams.families import FAMILIES
from egams.spectrogram.coarse import COARSE_BINS, COARSE_STEP
from egams.web.answers import Answer
from egams.web.blanks import blank_of
from egams.web.evidence_shapes import BlankShape, ExplanationShape, TrainingRunShape
from egams.web.pictures import digits
from egams.web.workbench import Bench, Id, Workbench

router = APIRouter(prefix="/api", tags=["evidence"])
KIND = "explanation"


@router.get("/runs/{id}/explanation", response_model=ExplanationShape)
async def explanation(bench: Bench, id: Id, family: str | None = None) -> Answer:
    """Return what ``egams explain --json`` does, and ``lines`` in words by family.

    Without a family, of those that are present or uncertain. It is kept in the library.
    """
    return await bench.heavy(lambda: Answer(explained(bench, id, family)), slow=True)


@router.get("/training/{run_id:path}", response_model=TrainingRunShape)
def training_run(bench: Bench, run_id: str) -> Answer:
    """Return what the bundle keeps of a training run: mean abundances in bins of 24 degC."""
    bundle = bench.bundle.get().bundle
    kept = bundle.training_run(run_id)
    place = bundle.training_runs.run_ids.index(run_id)
    labels = bundle.training_runs.labels[place]
    return Answer(
        {
            "run_id": run_id,
            "families": [name for name, label in zip(FAMILIES, labels, strict=True) if label],
            "temperature": [FIRST_COLUMN + COARSE_STEP * at for at in range(COARSE_BINS)],
            "mz": list(range(len(kept))),
            "abundance": [digits(row) for row in kept],
        }
    )


@router.post("/runs/{id}/blank", response_model=BlankShape)
async def blank(bench: Bench, id: Id, blank: Annotated[Id, Body(embed=True)]) -> Answer:
    """Predict a run less another one, a blank; ``as_measured`` has the answer with it."""

    def without() -> Answer:
        stored, other = bench.library.run(id), blank_of(bench, id, blank)
        run = replace(bench.library.load(id), run_id=stored.run_id)
        loaded = bench.bundle.get()
        found: Predictions = loaded.bundle.predict(run, blank=other, jobs=1, strict=True)
        return Answer({"bundle": loaded.digest, "prediction": found[0].details()})

    return await bench.heavy(without, slow=True)


def explained(bench: Workbench, id: Id, family: str | None) -> dict[str, Any]:
    """Return the explanation of a run; computed where it is not kept.

    Parameters
    ----------
    bench
        The workbench.
    id
        Of the run.
    family
        One family; None for those that are present or uncertain.

    Raises
    ------
    InputError
        If there is no such run.
    ConfigError
        If there is no such family.
    """
    loaded = bench.bundle.get()
    kept = bench.library.answer(id, loaded.digest, KIND) or {"families": {}, "lines": {}}
    is_kept = kept.get("usual") if family is None else family in kept["families"]
    if not is_kept:
        run = replace(bench.library.load(id), run_id=bench.library.run(id).run_id)
        wanted = None if family is None else [family]
        found = _details(loaded.bundle.explain(run, families=wanted))
        usual = bool(kept.get("usual")) or family is None
        both = {name: kept[name] | found[name] for name in ("families", "lines")}
        kept = found | both | {"usual": usual}
        bench.library.keep_answer(id, loaded.digest, KIND, kept)
    shown = {name: value for name, value in kept.items() if name != "usual"}
    return {"bundle": loaded.digest} | shown


def _details(found: Explanation) -> dict[str, Any]:
    return found.details() | {"lines": {each.family: each.lines() for each in found.families}}
