"""Pictures of a run, computed from its file when they are requested."""

from __future__ import annotations

from fastapi import APIRouter

from egams.ensemble.predictions import RunPrediction
from egams.preprocess.blank import Blank, subtract_blank
from egams.run import Run
from egams.web.answers import Answer
from egams.web.blanks import blank_of
from egams.web.evidence_shapes import PeaksShape, SpectrogramShape, TracesShape
from egams.web.pictures import peaks_picture, spectrogram_picture, traces_picture
from egams.web.workbench import Bench, Id, Workbench

router = APIRouter(prefix="/api/runs/{id}", tags=["pictures"])


@router.get("/traces", response_model=TracesShape)
async def traces(bench: Bench, id: Id, blank: Id | None = None) -> Answer:
    """Return ions over temperature, with baselines; less a blank, if one is named."""

    def picture() -> Answer:
        stored = bench.library.run(id, bench.bundle.digest).prediction
        predicted = None if stored is None else RunPrediction.of_details(stored)
        return Answer(traces_picture(_run(bench, id, blank), predicted))

    return await bench.heavy(picture)


@router.get("/spectrogram", response_model=SpectrogramShape)
async def spectrogram(bench: Bench, id: Id) -> Answer:
    """Return all m/z over temperature, as log10 of the largest signal above background."""
    return await bench.heavy(lambda: Answer(spectrogram_picture(bench.library.load(id))))


@router.get("/peaks", response_model=PeaksShape)
async def peaks(bench: Bench, id: Id) -> Answer:
    """Return the peaks of the usual gases."""
    return await bench.heavy(lambda: Answer(peaks_picture(bench.library.load(id))))


def _run(bench: Workbench, id: Id, blank: Id | None) -> Run:
    run = bench.library.load(id)
    return run if blank is None else subtract_blank(run, Blank.of(blank_of(bench, id, blank)))
