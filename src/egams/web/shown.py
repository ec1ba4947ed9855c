"""Work and runs of the library as the server shows them."""

from __future__ import annotations

from typing import Any

from egams.ensemble.predictions import RunPrediction
from egams.library.records import StoredRun, Work
from egams.report.words import INSTRUMENT, answer_lines, temperatures


def shown_work(work: Work) -> dict[str, Any]:
    """Return work as JSON.

    Parameters
    ----------
    work
        Of the library.
    """
    result = work.result if isinstance(work.result, dict) else {}
    names = ("id", "kind", "name", "state", "done", "total", "reason", "made")
    return {name: getattr(work, name) for name in names} | {
        "error": result.get("error"),
        "needs": result.get("needs", []),
        "runs": list(work.runs),
        "skipped": [{"sample_id": each.run_id, "reason": each.reason} for each in work.skipped],
        "result": {name: value for name, value in result.items() if name not in ("error", "needs")},
    }


def row(run: StoredRun, digest: str | None) -> dict[str, Any]:
    """Return a run as a row of a list.

    Parameters
    ----------
    run
        Of the library.
    digest
        Of the bundle in use; None while it is loaded.
    """
    families = (run.prediction or {}).get("families", {})
    names = ("id", "name", "instrument", "added", "remark", "labels", "bundle")
    return {name: getattr(run, name) for name in names} | {
        "file": run.file_name,
        "range_degC": run.facts["temperature"],
        "temperatures": temperatures(*run.facts["temperature"]),
        "scans": run.facts["scans"],
        "mz": len(run.facts["mz"]),
        "calls": {family: each["call"] for family, each in families.items()},
        "probabilities": {
            family: round(each["probability"], 4) for family, each in families.items()
        },
        "flags": (run.prediction or {}).get("flags", []),
        "stale": digest is not None and run.bundle != digest,
    }


def whole_run(run: StoredRun, digest: str | None, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a run with its answer.

    Parameters
    ----------
    run
        Of the library.
    digest
        Of the bundle in use; None while it is loaded.
    answers
        All that was computed of it, as the library has it.
    """
    predicted = None if run.prediction is None else RunPrediction.of_details(run.prediction)
    return row(run, digest) | {
        "prediction": None if predicted is None else predicted.details(),
        "answer": [] if predicted is None else answer_lines(predicted),
        "facts": facts_line(run),
        "notes": list(run.notes),
        "origin": {"file": run.file_name, "sha256": run.file, "sample_id": run.run_id},
        "reading": dict(run.reading),
        "answers": [
            {name: each[name] for name in ("bundle", "made", "egams")}
            | {
                "probabilities": {
                    family: round(one["probability"], 4)
                    for family, one in each["content"]["families"].items()
                }
            }
            for each in answers
            if each["kind"] == "prediction"
        ],
    }


def facts_line(run: StoredRun) -> str:
    """Describe a run: instrument, scans, temperatures, m/z.

    Parameters
    ----------
    run
        Of the library.
    """
    rate = run.facts.get("rate")
    heated = "" if rate is None else f" at {rate:.3g} °C a minute"
    return (
        f"{INSTRUMENT[run.instrument]}, {run.facts['scans']} scans of {len(run.facts['mz'])} m/z, "
        f"{temperatures(*run.facts['temperature'])}{heated}"
    )
