"""`egams study`: what became of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egams.cli.options import AtMost, Force, Import, Seed, Study

SECONDS_BETWEEN_VIEWS = 2.0

study_app = typer.Typer(
    name="study", help="Look at a study: how far it is, and what came of it.", no_args_is_help=True
)


@study_app.command()
def status(
    study: Study,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds until all is done.")
    ] = False,
    imports: Import = None,
) -> None:
    """Show what is finished, running, stopped, failed and waiting.

    With the log loss so far, out of fold over the finished folds, and the time that is left.
    """
    import time
    from contextlib import suppress

    from egams.cli.show import console
    from egams.cli.show_status import status_view
    from egams.study.status import study_status
    from egams.study.study import Study as OpenStudy

    opened, shown_on = OpenStudy.open(study), console()
    with suppress(KeyboardInterrupt):  # nothing is interrupted but the watching
        while True:
            now = time.time()
            found = study_status(opened, now)
            if watch and shown_on.is_terminal:
                shown_on.clear()
            shown_on.print(status_view(found, now))
            if not watch or found.all_finished:
                return
            time.sleep(SECONDS_BETWEEN_VIEWS)


@study_app.command()
def report(
    study: Study,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tables.")],
    ensemble: AtMost = None,
    seed: Seed = 0,
    imports: Import = None,
) -> None:
    """Write every table of a study, and report.md, which holds them all.

    Scores, ensemble size, test-time draws, clips, weights, sets, correlations: each as Markdown and
    as Parquet; learning curves of networks. Experiments that are not finished are listed with the
    reason.
    """
    import numpy as np

    from egams.cli.show import say
    from egams.evaluate.study_report import write_report
    from egams.evaluate.study_tables import study_tables
    from egams.report.learning_curves import draw_learning_curves
    from egams.study.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    tables = study_tables(opened, np.random.default_rng(seed), at_most=ensemble)
    for name, why in tables["left-out"].rows:
        say(f"left out: {name}: {why}")
    curves = draw_learning_curves(opened, output / "learning-curves.png")
    pictures = {} if curves is None else {"Learning curves": curves}
    page, *others = write_report(opened, tables, output, pictures)
    say(f"{len(others)} files of tables beside {page}")


@study_app.command()
def oof(
    study: Study,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, .parquet or .csv.")
    ],
    ensemble: AtMost = None,
    force: Force = False,
    imports: Import = None,
) -> None:
    """Write labels and out-of-fold probabilities of every experiment and the ensemble as one table.

    A row for each experiment, run and family. The ensemble of each fold is fitted on the others.
    """
    from egams.cli.foreign_output import refuse_foreign
    from egams.cli.show import say
    from egams.evaluate.out_of_fold_file import write_out_of_fold
    from egams.study.gather import study_predictions
    from egams.study.study import Study as OpenStudy

    refuse_foreign(output, (study,), force=force)
    scored = study_predictions(OpenStudy.open(study))
    write_out_of_fold(scored, output, at_most=ensemble)
    say(f"{len(scored.names)} experiments and the ensemble on {len(scored.run_ids)} runs: {output}")


@study_app.command()
def keep(
    study: Study,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; gets EXPERIMENT.parquet of each.")
    ],
    imports: Import = None,
) -> None:
    """Keep the out-of-fold predictions of every experiment without its weights, in small files.

    After each fold, lest a machine that goes away take them along. `egams study add` makes a study
    of them again.
    """
    from egams.cli.show import say
    from egams.study.folds import WHOLE
    from egams.study.kept import keep_predictions
    from egams.study.study import Study as OpenStudy

    opened = OpenStudy.open(study)
    for name in opened.experiments():
        folds = ", ".join(fold for fold in opened.folds_done(name) if fold != WHOLE)
        say(f"{keep_predictions(opened, name, output)}: folds {folds}")


@study_app.command()
def add(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="Folder of a study; made if there is none.")
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="What egams study keep wrote.")
    ],
    runs: Annotated[
        Path, typer.Option("--runs", metavar="STORE", help="The prepared runs they are of.")
    ],
    imports: Import = None,
) -> None:
    """Add experiments that are known by their kept predictions alone.

    Scores, tables and reports of the study have them, beside those trained in it; a bundle has not.
    """
    from egams.cli.show import say
    from egams.store.run_store import RunStore
    from egams.study.kept import add_kept

    store = RunStore.open(runs)
    for file in files:
        say(f"{file}: in {add_kept(file, study, store).folder}")
