"""Any network as `network.onnx` beside its weights: what answers where there is no torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.conventions import TEMPERATURE_COUNT
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.network import Sizes
from egams.models.onnx_files import open_session
from egams.models.onnx_guard import refuse_more_than_a_graph

NETWORK = "network.onnx"
INPUTS = ("spectrogram", "context")
OUTPUT = "probability"
RUNS_AT_ONCE = 32
FLOAT = "tensor(float)"

Floats = NDArray[np.float32]


class OnnxNetwork:
    """An exported network, label sets included.

    Parameters
    ----------
    model
        What is in the file.

    Raises
    ------
    ValueError
        If it is no graph of standard operators with all its data inside, or has other inputs and
        outputs.
    """

    def __init__(self, model: bytes) -> None:
        refuse_more_than_a_graph(model)
        self._session = open_session(model)
        given, told = self._session.get_inputs(), self._session.get_outputs()
        names = [each.name for each in (*given, *told)]
        if names != [*INPUTS, OUTPUT] or any(each.type != FLOAT for each in (*given, *told)):
            raise ValueError(f"its ONNX graph has other inputs and outputs: {', '.join(names)}")
        if any(isinstance(each.shape[0], int) for each in given):
            raise ValueError(
                f"its ONNX graph takes {given[0].shape[0]} runs at a time, not any number; "
                "networks find the number by x.shape[0], since len(x) fixes it"
            )
        spectrogram, context = (each.shape[1:] for each in given)
        if spectrogram[:1] != [TEMPERATURE_COUNT] or told[0].shape[1:] != [len(FAMILIES)]:
            raise ValueError("its ONNX graph is of other temperatures or families")
        self.sizes = Sizes(rows=spectrogram[1], context=context[0])

    def probabilities(self, spectrogram: Floats, context: Floats) -> Floats:
        """Probabilities ``[B, family]`` from ``[B, m/z, temperature]`` and ``[B, feature]``."""
        signal = np.ascontiguousarray(spectrogram.transpose(0, 2, 1), np.float32)
        parts = []
        for first in range(0, len(signal), RUNS_AT_ONCE):
            part = slice(first, first + RUNS_AT_ONCE)
            fed = dict(zip(INPUTS, (signal[part], context[part]), strict=True))
            parts += self._session.run([OUTPUT], fed)
        # Rounding may carry a probability past 1, which every scorer refuses.
        return np.asarray(np.minimum(np.concatenate(parts), np.float32(1)))


def read_onnx(path: Path, kind: str) -> OnnxNetwork:
    """Open what `egams.models.onnx_export.export_network` wrote.

    Parameters
    ----------
    kind
        Of the network, for the error.

    Raises
    ------
    ConfigError
        If ONNX Runtime is not installed.
    ValueError
        As `OnnxNetwork` does.
    """
    if find_spec("onnxruntime") is None:
        raise ConfigError(f'this bundle\'s {kind} needs an extra: pip install "egams[onnx]"')
    return OnnxNetwork(path.read_bytes())
