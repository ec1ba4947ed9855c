"""`AnsweringNetwork`: a trained network that predicts without torch, and with it on a GPU."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egams.arrays import Array, to_numpy
from egams.models import label_sets
from egams.models.conv1d import Conv1dConfig
from egams.models.conv1d_numpy import Conv1dInNumpy, expected_shapes
from egams.models.network import NetworkSettings, Sizes
from egams.models.onnx_network import NETWORK, read_onnx
from egams.models.predictor import Features, Predictor, needs_neighbours
from egams.models.weights import LABEL_SETS, WEIGHTS, read_weights
from egams.spectrogram.context import CONTEXT_FEATURES

if TYPE_CHECKING:
    import torch

Answer = Callable[[Features, Features], Features]
"""Probabilities ``[B, family]`` from ``[B, m/z, temperature]`` and ``[B, feature]``."""
Files = Mapping[str, Path]


class AnsweringNetwork(Predictor):
    """A trained network that predicts without torch, and with it on a GPU.

    Parameters
    ----------
    answer
        What computes on a CPU.
    files, settings
        What it was read from: the weights among them are those that a GPU gets.
    """

    def __init__(self, answer: Answer, files: Files, settings: NetworkSettings) -> None:
        self._answer = answer
        self._files = files
        self._settings = settings

    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        return self._answer(to_numpy(spectrogram), context)

    def on(self, device: torch.device | str) -> Predictor:
        """See `Predictor`."""
        if str(device) == "cpu":
            return self
        from egams.models.trained_network import NetworkPredictor

        return NetworkPredictor.load(self._files, self._settings).on(device)

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        for name in {WEIGHTS, NETWORK} & self._files.keys():
            shutil.copyfile(self._files[name], folder / name)


def load_network(files: Files, settings: NetworkSettings) -> Predictor:
    """Read a trained network: in ONNX Runtime from a bundle, which holds it so, else in torch."""
    if NETWORK not in files:
        from egams.models.trained_network import NetworkPredictor

        return NetworkPredictor.load(files, settings)
    network = read_onnx(files[NETWORK], settings.kind)
    _with_evidence_if(network.sizes, files)
    return AnsweringNetwork(network.probabilities, files, settings)


def load_conv1d(files: Files, settings: Conv1dConfig) -> Predictor:
    """Read a trained `conv1d`, in NumPy."""
    sizes, weights = read_weights(files[WEIGHTS], lambda sizes: expected_shapes(settings, sizes))
    _with_evidence_if(sizes, files)
    network, known = Conv1dInNumpy(settings, sizes, weights), weights.get(LABEL_SETS)

    def answer(spectrogram: Features, context: Features) -> Features:
        return np.asarray(label_sets.probabilities(network(spectrogram, context), known))

    return AnsweringNetwork(answer, files, settings)


def _with_evidence_if(sizes: Sizes, files: Files) -> None:
    if sizes.context > CONTEXT_FEATURES:
        needs_neighbours(files)
