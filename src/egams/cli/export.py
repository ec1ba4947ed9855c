"""`egams export`: a small student of a study's members, as ONNX files for an instrument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import Import, Seed, Study


def export(
    *,
    study: Study,
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="Store that the study was made from.")
    ],
    onnx: Annotated[Path, typer.Option("--onnx", help="Folder to write.")],
    int8_only: Annotated[bool, typer.Option(help="Leave out student.onnx (fp32).")] = False,
    seed: Seed = 0,
    imports: Import = None,
) -> None:
    """Distil a student of at most 1 MB, score it out of fold, and write it as ONNX.

    The folder holds student.onnx (fp32), student-int8.onnx, ten test vectors and card.json.
    """
    from egams.cli.show import progress_bar, say
    from egams.onboard.export import CARD, INT8, export_onnx
    from egams.onboard.study_student import distil_study
    from egams.store.run_store import RunStore
    from egams.study.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    with progress_bar("distilling") as progress:
        learned = distil_study(opened, RunStore.open(store), seed=seed, progress=progress)
    card = export_onnx(learned.students, onnx, learned.facts, fp32=not int8_only)
    scores = card["scores"]
    if scores["answered"]:
        out_of_fold = f"{scores['int8']:.4f} in int8, {scores['ensemble']:.4f} the ensemble"
        say(f"log loss out of fold: {out_of_fold}")
    say(f"{scores['answered']} of {scores['runs']} runs are answered, the others refused")
    say(f"{card['bytes'][INT8] / 1e6:.2f} MB in int8, {card['multiply_adds'] / 1e6:.2f} MMAC")
    say(f"files in {onnx}; see {onnx / CARD}")
