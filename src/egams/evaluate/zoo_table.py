"""The table of experiments: models, what they cost, what they see, how it is varied."""

from __future__ import annotations

from collections.abc import Iterable

from egams.evaluate.table import Cell, Table
from egams.experiments.experiment import Experiment
from egams.experiments.zoo import built_in
from egams.models.cnn import CnnConfig
from egams.models.cost import Cost, cost
from egams.models.network import NetworkSettings
from egams.spectrogram.config import SpectrogramConfig

COLUMNS = (
    *("experiment", "model", "parameters", "MACs", "representation", "augmentation"),
    "author's score",
)


def zoo_table(experiments: Iterable[Experiment]) -> Table:
    """Describe experiments, a row each.

    Parameters and multiply-accumulates are of the network, for one run; trees and neighbours have
    neither.
    """
    known = built_in()
    sets = "; ".join(f"'{name}': {len(known.members(name))}" for name in known.sets)
    caption = (
        "MACs: multiply-accumulates for one run. Author's score: out-of-fold log loss of the "
        f"single model as he reports it. Sets: {sets}. Experiments of your own: a YAML file."
    )
    costs: dict[str, Cost] = {}
    rows = []
    for experiment in experiments:
        row = known.experiments.get(experiment.name)
        model, counted = experiment.model, None
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
            None if row is None else row.author_score,
        )
        rows.append(cells)
    return Table(COLUMNS, tuple(rows), caption)


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
