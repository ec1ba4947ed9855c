"""Learning curves of a study: one small panel for each experiment."""

from __future__ import annotations

from pathlib import Path

from egams.report.colours import BLUE, FAINT
from egams.report.page import Look, page
from egams.study.study import Study

ACROSS = 3
WIDTH, HEIGHT = 3.4, 2.3  # inches of a panel
LINES = (("training_loss", FAINT, 0.8), ("held_out_log_loss", BLUE, 1.2))


def draw_learning_curves(study: Study, path: str | Path) -> Path | None:
    """Draw training loss and held-out log loss by epoch, a line for each fold.

    Parameters
    ----------
    path
        File to write: .png, .pdf or .svg.

    Returns
    -------
    Path or None
        `path`; None where no experiment of the study has a log.

    Raises
    ------
    ArtifactError
        If a log is damaged.
    """
    logs = {
        name: [epochs for fold in study.folds_done(name) if (epochs := study.epochs(name, fold))]
        for name in study.begun()
    }
    logs = {name: folds for name, folds in logs.items() if folds}
    if not logs:
        return None
    down, across = -(-len(logs) // ACROSS), min(ACROSS, len(logs))
    with page(path, HEIGHT * down, Look(width=WIDTH * across)) as figure:
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel, (name, folds) in zip(panels, logs.items(), strict=False):
            for epochs in folds:
                for value, colour, width in LINES:
                    measured = [each for each in epochs if value in each.measured()]
                    values = [each.measured()[value] for each in measured]
                    numbers = [each.epoch for each in measured]
                    panel.plot(numbers, values, color=colour, linewidth=width)
            panel.set_title(name)
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.set_xlabel("epoch")
        for panel in panels[len(logs) :]:
            panel.set_axis_off()
        lines = panels[0].get_lines()[: len(LINES)]
        panels[0].legend(lines, [value.replace("_", " ") for value, *_ in LINES])
        figure.tight_layout()
    return Path(path)
