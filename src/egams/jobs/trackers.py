"""Trackers: where a training's epochs and scores go while it runs, beside the study itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from egams.errors import ConfigError


class Tracker(Protocol):
    """One training in a tracker of experiments."""

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin, or go on: ``EXPERIMENT/fold-N``, and its settings by their dotted names."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Note what was measured after an epoch (or booster), counted from 1."""

    def end(self, scores: Mapping[str, float] | None) -> None:
        """End with the scores on the held-out runs; None where it was stopped or failed."""


Trackers = Callable[[], Tracker]
"""Makes a tracker for each training."""


class _Tensorboard:
    """Event files for ``tensorboard --logdir FOLDER``."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("tensorboard") from error
        self.make: Any = SummaryWriter
        self.folder = folder
        self.last = 0

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        self.writer = self.make(str(self.folder / name))
        lines = "\n".join(f"    {key}: {value}" for key, value in settings.items())
        self.writer.add_text("settings", lines)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.last = step
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def end(self, scores: Mapping[str, float] | None) -> None:
        self.log(self.last, scores or {})
        self.writer.close()


class _Mlflow:
    """A run of MLflow, of the experiment `study`, at the tracking URI that its environment says."""

    def __init__(self, study: str) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise _missing("mlflow") from error
        try:
            self.client: Any = MlflowClient()
            known = self.client.get_experiment_by_name(study)
            self.study = known.experiment_id if known else self.client.create_experiment(study)
        except MlflowException as error:
            raise ConfigError(f"the tracker 'mlflow' cannot be used: {error}") from error

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        self.run = self.client.create_run(self.study, run_name=name).info.run_id
        for key, value in settings.items():
            self.client.log_param(self.run, key, value)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.client.log_metric(self.run, name, value, step=step)

    def end(self, scores: Mapping[str, float] | None) -> None:
        self.log(0, scores or {})
        self.client.set_terminated(self.run, "KILLED" if scores is None else "FINISHED")


def trackers_named(name: str, study: Path) -> Trackers:
    """Return what makes trackers, ``"tensorboard"`` or ``"mlflow"``, for a study's folder.

    Raises
    ------
    ConfigError
        If there is no such tracker, or it is not installed.
    """
    made: dict[str, Trackers] = {
        "tensorboard": lambda: _Tensorboard(study / "tensorboard"),
        "mlflow": lambda: _Mlflow(study.resolve().name),
    }
    if name not in made:
        raise ConfigError(f"no tracker '{name}'; expected {' or '.join(made)}.")
    made[name]()  # refused at once where it is not installed
    return made[name]


def _missing(name: str) -> ConfigError:
    return ConfigError(
        f"the tracker '{name}' is not installed. Install it: pip install \"egams[{name}]\"."
    )
