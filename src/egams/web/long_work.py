"""Work that takes longer than a file: predictions of many runs, reports, lessons."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from egams.artifact import move_over, remove
from egams.ensemble.bundle_files import BundleManifest
from egams.ensemble.teach import teach
from egams.errors import InputError
from egams.library.library import Library
from egams.library.records import FoundRun, LostWorkError, Work
from egams.store.prepare import prepare
from egams.web.active import ActiveBundle
from egams.web.batch import Place, predicted
from egams.web.reading_work import RUNS_AT_ONCE


def predict_again(library: Library, bundle: ActiveBundle, works: Sequence[Work]) -> None:
    """Predict runs of the library that the bundle in use has not predicted.

    Parameters
    ----------
    library, bundle, works
        As `egams.web.reading_work.read_files` has them; settings name ``ids``, or all by null.
    """
    loaded = bundle.get()
    for work in works:
        ids = work.settings.get("ids")
        stale, _ = library.runs(limit=-1, bundle=loaded.digest, stale=True)
        left = [run for run in stale if ids is None or run.id in set(ids)]
        library.progress(work, 0, len(left))
        for first in range(0, len(left), RUNS_AT_ONCE):
            part = left[first : first + RUNS_AT_ONCE]
            source = library.source([run.id for run in part])
            places = [Place(source, run.name) for run in part]
            outcomes = predicted(places, loaded.bundle, loaded.digest)
            for run, outcome in zip(part, outcomes, strict=True):
                if isinstance(outcome, FoundRun) and outcome.prediction is not None:
                    content = {**outcome.prediction, "sample_id": run.run_id}
                    with suppress(InputError):  # it was removed meanwhile
                        library.keep_answer(run.id, loaded.digest, "prediction", content, work)
        library.finish(work)


def report(library: Library, bundle: ActiveBundle, works: Sequence[Work]) -> None:
    """Write reports.

    Parameters
    ----------
    library, bundle, works
        As `egams.web.reading_work.read_files` has them.
    """
    from egams.report.html import write_report  # matplotlib takes most of a second

    for work in works:
        settings = work.settings
        skipped = write_report(
            library.source(settings.get("ids")),
            report_of(library, work.id),
            bundle=bundle.get().path,
            evidence=settings.get("evidence"),
            interactive=bool(settings.get("interactive")),
            jobs=1,
            progress=partial(library.progress, work),
        )
        library.finish(work, {"skipped": [asdict(each) for each in skipped]})


def report_of(library: Library, work: int) -> Path:
    """Return where the report of a work is.

    Parameters
    ----------
    library
        That the work is of.
    work
        Its id.
    """
    return library.path.with_name(f"{library.path.name}.reports") / f"{work}.html"


def remove_outputs(library: Library, bundle: ActiveBundle, work: Work) -> None:
    """Remove the report of a work, or its bundle, unless that is in use.

    Parameters
    ----------
    library
        That the work is of.
    bundle
        In use.
    work
        That is forgotten.
    """
    if work.kind == "report":
        remove(report_of(library, work.id))
    digest = work.result.get("bundle") if isinstance(work.result, dict) else None
    folder = bundle.taught(digest) if work.kind == "teach" else None
    others = (other for other in library.works(limit=-1) if other.kind == "teach")
    if folder is None or digest == bundle.digest:
        return
    if not any(
        other.id != work.id and (other.result or {}).get("bundle") == digest for other in others
    ):
        library.forget_bundle(str(digest))


def learn(library: Library, bundle: ActiveBundle, works: Sequence[Work]) -> None:
    """Teach the labelled runs of the library to the bundle that egams ships, or was started with.

    The taught bundle becomes part of the library, and is not used before a person says so.

    Parameters
    ----------
    library, bundle, works
        As `egams.web.reading_work.read_files` has them.
    """
    for work in works:
        store = prepare(library.source(labelled=True), jobs=1)
        making = bundle.folder / f".lesson-{work.id}"
        try:
            lesson = teach(store, making, bundle.given)
            digest = BundleManifest.load(making).digest
            move_over(making, bundle.folder / digest)
            library.keep_bundle(digest, bundle.folder / digest)
        finally:
            remove(making)
        with suppress(LostWorkError):
            library.finish(work, {**asdict(lesson), "bundle": digest})
