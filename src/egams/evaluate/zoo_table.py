"""The table of experiments: models, what they cost, what they see, how it is varied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from egams.evaluate.table import Cell, Table
from egams.experiments.experiment import Experiment
from egams.experiments.measured import Measured
from egams.experiments.zoo import built_in
from egams.models.cnn import CnnConfig
from egams.models.cost import Cost, cost
from egams.models.network import NetworkSettings
from egams.spectrogram.config import SpectrogramConfig
from egams.study.status import study_status
from egams.study.study import Study


def zoo_table(experiments: Iterable[Experiment], measured: Mapping[str, Measured]) -> Table:
    """Describe experiments, a row each.

    Parameters
    ----------
    measured
        How good those were that somebody trained, by name.

    Parameters and multiply-accumulates are of the network, for one run; trees and neighbours have
    neither.
    """
    known, experiments = built_in(), list(experiments)
    sets = "; ".join(f"'{name}': {len(known.members(name))}" for name in known.sets)
    caption = (
        "MACs: multiply-accumulates for one run. Log loss: out of fold. Author's score: the same "
        f"as he reports it. {_basis(experiments, measured)}Sets: {sets}. Experiments of your own: "
        "a YAML file."
    )
    costs: dict[str, Cost] = {}
    rows = []
    for experiment in experiments:
        row = known.experiments.get(experiment.name)
        model, counted, found = experiment.model, None, measured.get(experiment.name)
        if isinstance(model, NetworkSettings):
            key = f"{experiment.spectrogram.rows} {model.model_dump_json()}"
            if key not in costs:
                costs[key] = cost(model, experiment.spectrogram.rows)
            counted = costs[key]
        cells: tuple[Cell, ...] = (
            experiment.name,
            model.backbone if isinstance(model, CnnConfig) else model.kind,
            None if counted is None else rounded(counted.parameters),
            None if counted is None else rounded(counted.macs),
            representation(experiment),
            augmentation(experiment.spectrogram),
            None if found is None else found.log_loss,
            None if found is None else f"{found.minutes_per_fold:.2g}",
            None if row is None else row.author_score,
        )
        rows.append(cells)
    columns = (
        *("experiment", "model", "parameters", "MACs", "representation", "augmentation"),
        *("log loss", "minutes a fold", "author's score"),
    )
    return Table(columns, tuple(rows), caption)


def study_measured(study: Study) -> dict[str, Measured]:
    """Read how good the experiments of a study are over the folds that are finished, by name."""
    status, manifest = study_status(study), study.manifest
    minutes: defaultdict[str, list[float]] = defaultdict(list)
    for training in status.trainings:
        if training.seconds is not None and training.fold.isdigit():
            minutes[training.experiment].append(training.seconds / 60)
    return {
        name: Measured(
            loss,
            sum(minutes[name]) / len(minutes[name]),
            1.0,
            manifest.runs_used,
            manifest.folds,
            f"see {study.folder}",
        )
        for name, loss in status.log_loss.items()
    }


def _basis(experiments: Iterable[Experiment], measured: Mapping[str, Measured]) -> str:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for experiment in experiments:
        if experiment.name in measured:
            names[measured[experiment.name].basis()].append(experiment.name)
    parts = [f"{', '.join(each)}: {basis}" for basis, each in names.items()]
    return f"Measured: {'; '.join(parts)}. " if parts else ""


def representation(experiment: Experiment) -> str:
    """Say what a model sees: normalisation, reach, floor, range, coordinates, evidence."""
    seen, model = experiment.spectrogram, experiment.model
    parts = [seen.norm, f"±{seen.reach:g} °C", f"{seen.floor:.0e}".replace("e-0", "e-")]
    parts += ["0..1" if seen.unit_range else "log10"]
    parts += ["coordinates"] * (isinstance(model, CnnConfig) and model.coordinates)
    parts += ["evidence"] * experiment.evidence
    return ", ".join(parts)


def augmentation(seen: SpectrogramConfig) -> str:
    """Say how spectrograms vary from draw to draw, beside what varies always."""
    settings = {
        "m/z": seen.mz_sigma,
        "mix": seen.mix,
        "shift": seen.shift,
        "stretch": seen.stretch,
        "baseline": seen.baseline_prob,
    }
    return ", ".join(f"{name} {value:g}" for name, value in settings.items() if value)


def rounded(count: int) -> str:
    """``"21.3 M"`` of 21,289,802."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)
