"""`export_network`: writes a trained network as ONNX, and compares the two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from egams.conventions import TEMPERATURE_COUNT
from egams.errors import ConfigError
from egams.models import label_sets
from egams.models.network import Sizes
from egams.models.onnx_files import need_onnx, write_onnx
from egams.models.onnx_network import INPUTS, OUTPUT, OnnxNetwork
from egams.models.trained_network import NetworkPredictor

LARGEST_DIFFERENCE = 1e-5
"""In a probability, from what torch gives."""
RUNS_COMPARED = 5
QUIET = 0.7
"""Share of the values that are the lowest, as in a run where most m/z show nothing."""


class _Answering(nn.Module):
    """Probabilities of a network whose spectrograms come as they are laid out in memory."""

    def __init__(self, predictor: NetworkPredictor) -> None:
        super().__init__()
        self.network = predictor.network
        self.label_sets = predictor.label_sets

    def forward(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        outputs = self.network(spectrogram.transpose(1, 2), context).float()
        told: Tensor = label_sets.probabilities(outputs, self.label_sets)
        return told


def export_network(predictor: NetworkPredictor, path: Path, name: str) -> float:
    """Export a trained network, and see that ONNX Runtime gives the probabilities that torch gives.

    Parameters
    ----------
    path
        Of the file to write.
    name
        Of the experiment, for errors.

    Returns
    -------
    float
        The largest difference between the two, in a probability.

    Raises
    ------
    ConfigError
        If a package is missing, the network cannot be exported, or the difference is above 1e-5.
    """
    need_onnx()
    try:
        network = _Answering(predictor).eval()
        given = _examples(predictor.sizes, 2)
        write_onnx(network, given, path, inputs=INPUTS, outputs=[OUTPUT])
        apart = _difference(network, OnnxNetwork(path.read_bytes()), predictor.sizes)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ConfigError(
            f"{name}: its network cannot be exported to ONNX, which a bundle needs "
            f"({type(error).__name__}: {reason}). 'egams.check_model' tries the same on its "
            "settings; leave it out of the ensemble, or change the network."
        ) from error
    if not apart <= LARGEST_DIFFERENCE:
        raise ConfigError(
            f"{name}: its network exported to ONNX gives probabilities up to {apart:.2g} apart "
            f"from those of torch; expected at most {LARGEST_DIFFERENCE:g}. Leave it out of the "
            "ensemble, or change the network."
        )
    return apart


@torch.inference_mode()
def _difference(network: _Answering, exported: OnnxNetwork, sizes: Sizes) -> float:
    given = _examples(sizes, RUNS_COMPARED)
    expected = network(*given).numpy()
    spectrogram, context = (each.numpy() for each in given)
    found = exported.probabilities(spectrogram.transpose(0, 2, 1), context)
    return float(np.abs(found - expected).max())


def _examples(sizes: Sizes, count: int) -> tuple[Tensor, Tensor]:
    """Spectrograms ``[run, temperature, m/z]`` and contexts ``[run, feature]``, from 0 to 1."""
    rng = np.random.default_rng(0)
    values = rng.random((count, TEMPERATURE_COUNT, sizes.rows), np.float32)
    values[rng.random(values.shape) < QUIET] = 0
    context = rng.random((count, sizes.context), np.float32)
    return torch.from_numpy(values), torch.from_numpy(context)
