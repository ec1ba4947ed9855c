"""Trained models behind one face: spectrograms in, probabilities out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egams.errors import ArtifactError, ConfigError
from egams.families import FAMILIES
from egams.models import label_sets
from egams.models.neighbours import Neighbours, NeighboursConfig, logits_of
from egams.models.network import FROM_SCRATCH, ModelSettings, NetworkSettings, Sizes
from egams.models.tensor_files import (
    NEIGHBOURS,
    Shared,
    load_neighbours,
    move,
    save_neighbours,
    save_tensors,
)
from egams.models.tree_predictors import CatboostPredictor, LightgbmPredictor
from egams.models.trees import CatboostConfig, LightgbmConfig
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.spectrogram.descriptors import run_descriptors
from egams.spectrogram.draw import windows
from egams.spectrogram.draw_each import draw_each
from egams.spectrogram.render import render
from egams.spectrogram.resident import ResidentRuns

WEIGHTS = "weights.safetensors"
LABEL_SETS = "label_sets"

Evidence = Mapping[Neighbours, Tensor]


class Predictor(Protocol):
    """A trained model.

    Parameters
    ----------
    neighbours
        Gives the evidence that joins the context of each run; None where the model uses none.
    """

    neighbours: Neighbours | None

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """Return probabilities ``[B, family]`` from ``[B, m/z, temperature]``, ``[B, feature]``."""
        ...

    def to(self, device: torch.device | str) -> None:
        """Move to a device, where the runs to predict are."""
        ...

    def save(self, folder: Path) -> None:
        """Write into an existing folder, in formats that load without running code."""
        ...


class NetworkPredictor:
    """A trained network.

    Parameters
    ----------
    started_from
        As `NetworkSettings.prepare` said it; of one just trained.
    """

    def __init__(
        self,
        network: nn.Module,
        sizes: Sizes,
        label_sets: Tensor | None = None,
        neighbours: Neighbours | None = None,
        started_from: str = FROM_SCRATCH,
    ) -> None:
        self.network = network.eval()
        self.sizes = sizes
        self.label_sets = label_sets
        self.neighbours = neighbours
        self.started_from = started_from

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `Predictor`."""
        with torch.inference_mode():
            return label_sets.probabilities(
                self.network(spectrogram, context).float(), self.label_sets
            )

    def to(self, device: torch.device | str) -> None:
        """See `Predictor`."""
        self.network.to(device)
        self.label_sets = None if self.label_sets is None else self.label_sets.to(device)
        move(self.neighbours, device)

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        state = dict(self.network.state_dict())
        if self.label_sets is not None:
            state[LABEL_SETS] = self.label_sets
        save_tensors(state, folder / WEIGHTS, {"sizes": json.dumps(asdict(self.sizes))})
        save_neighbours(self.neighbours, folder)

    @classmethod
    def load(
        cls, files: Mapping[str, Path], config: ModelSettings, shared: Shared
    ) -> NetworkPredictor:
        """Read what `save` wrote."""
        from safetensors import safe_open
        from safetensors.torch import load_file

        assert isinstance(config, NetworkSettings)
        with safe_open(files[WEIGHTS], "pt") as content:
            sizes = Sizes(**json.loads(content.metadata()["sizes"]))
        state = load_file(files[WEIGHTS])
        known = state.pop(LABEL_SETS, None)
        with torch.random.fork_rng(devices=[]):  # its first weights are thrown away
            network = config.build(sizes)
        network.load_state_dict(state)
        neighbours = load_neighbours(files, shared)
        if sizes.context > CONTEXT_FEATURES and neighbours is None:
            raise FileNotFoundError(f"{NEIGHBOURS} is not there")
        return cls(network, sizes, known, neighbours)


class NeighbourPredictor:
    """The evidence of the nearest training runs, taken at its word."""

    def __init__(self, neighbours: Neighbours) -> None:
        self.neighbours: Neighbours | None = neighbours

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `Predictor`; the same for every draw."""
        return torch.sigmoid(logits_of(context))

    def to(self, device: torch.device | str) -> None:
        """See `Predictor`."""
        move(self.neighbours, device)

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        save_neighbours(self.neighbours, folder)

    @classmethod
    def load(
        cls, files: Mapping[str, Path], config: ModelSettings, shared: Shared
    ) -> NeighbourPredictor:
        """Read what `save` wrote."""
        neighbours = load_neighbours({NEIGHBOURS: files[NEIGHBOURS]}, shared)
        assert neighbours is not None
        return cls(neighbours)


def load_predictor(
    files: Mapping[str, Path], config: ModelSettings, shared: Shared | None = None
) -> Predictor:
    """Read a trained model.

    Parameters
    ----------
    files
        Where each file stands that `Predictor.save` wrote, by name.
    shared
        Neighbours that were loaded already, by file; those loaded here join them.

    Raises
    ------
    ArtifactError
        If a file is missing or does not fit the configuration.
    ConfigError
        If it needs an extra of egams that is not installed.
    """
    kind: Any = NetworkPredictor
    if isinstance(config, LightgbmConfig):
        kind = LightgbmPredictor
    if isinstance(config, CatboostConfig):
        kind = CatboostPredictor
    if isinstance(config, NeighboursConfig):
        kind = NeighbourPredictor
    try:
        loaded: Predictor = kind.load(files, config, {} if shared is None else shared)
        return loaded
    except ConfigError:
        raise
    except Exception as error:
        places = ", ".join(sorted({str(path.parent) for path in files.values()}))
        raise ArtifactError(
            f"{places or 'a member'}: the {config.kind} in it cannot be read "
            f"({type(error).__name__}: {error}). "
            "Copy or make it again, or install the egams that made it."
        ) from error


def predict_draws(
    predictors: Sequence[Predictor],
    runs: ResidentRuns,
    positions: Tensor,
    config: SpectrogramConfig,
    draws: int,
    seed: Sequence[int],
    *,
    evidence: Evidence | None = None,
    batch_size: int = 256,
) -> NDArray[np.float32]:
    """Predict runs several times, each time from freshly drawn spectrograms.

    The draws of a run depend on `seed` and on the run, not on the runs beside it.

    Parameters
    ----------
    predictors
        Models that see spectrograms of the same kind, the folds of an experiment, say: they are
        shown the same draws.
    positions
        Which of `runs` ``[run]``.
    draws
        Test-time draws.
    seed
        Whole numbers, none negative: see `egams.spectrogram.draw_each`.
    evidence
        As `gather_evidence` gives it for these runs, where several experiments share it.

    Returns
    -------
    NDArray
        Probabilities ``[predictor, draw, run, family]``.

    Raises
    ------
    ConfigError
        If `draws` is below 1.

    Source: the write-up, "Ensembling approach" (16 test-time samples).
    """
    if draws < 1:
        raise ConfigError(f"{draws} test-time draws; expected 1 or more.")
    config = config.for_prediction()
    table = windows(runs, config)
    if evidence is None:
        evidence = gather_evidence(predictors, runs, positions)
    own = runs.context[positions]
    contexts = [
        own if nearest is None else torch.cat([own, evidence[nearest]], 1)
        for nearest in (predictor.neighbours for predictor in predictors)
    ]
    parts = []
    for batch in torch.split(torch.arange(len(positions)), max(1, batch_size // draws)):
        drawn = draw_each(runs, table, positions[batch], config, draws, seed)
        spectrogram = render(runs, drawn, config)
        given = [
            predictor.probabilities(spectrogram, context[batch].repeat_interleave(draws, 0))
            for predictor, context in zip(predictors, contexts, strict=True)
        ]
        parts.append(torch.stack(given).cpu())
    stacked: NDArray[np.float32] = torch.cat(parts, 1).numpy()
    by_run = stacked.reshape(len(predictors), len(positions), draws, len(FAMILIES))
    return by_run.swapaxes(1, 2)


def gather_evidence(
    predictors: Iterable[Predictor],
    runs: ResidentRuns,
    positions: Tensor,
    descriptors: list[Tensor] | None = None,
) -> Evidence:
    """Ask the neighbours of all predictors about some runs, each once.

    Parameters
    ----------
    descriptors
        Of these runs, where they are at hand: see `egams.spectrogram.descriptors.run_descriptors`.

    Returns
    -------
    Mapping
        ``[run, family + 1]`` by neighbours.
    """
    asked = {predictor.neighbours for predictor in predictors} - {None}
    if descriptors is None and asked:
        descriptors = run_descriptors(runs, positions)
    return {nearest: nearest(descriptors) for nearest in asked if nearest is not None}
