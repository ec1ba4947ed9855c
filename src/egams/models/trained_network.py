"""A trained network, and its weights on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from egams.arrays import Array
from egams.models import label_sets
from egams.models.network import NetworkSettings, Sizes
from egams.models.predictor import Features, Predictor, needs_neighbours
from egams.models.tf32 import in_tf32
from egams.models.weights import LABEL_SETS, SIZES, WEIGHTS, sizes_of
from egams.spectrogram.context import CONTEXT_FEATURES


class NetworkPredictor(Predictor):
    """A trained network, and the label sets it learned, if any."""

    def __init__(
        self,
        network: nn.Module,
        sizes: Sizes,
        label_sets: Tensor | None = None,
        started_from: str | None = None,
    ) -> None:
        self.network = network.eval()
        self.sizes = sizes
        self.label_sets = label_sets
        self.started_from = started_from

    @torch.inference_mode()
    def probabilities(self, spectrogram: Array, context: Features) -> Features:
        """See `Predictor`."""
        device = next(self.network.parameters()).device
        image = torch.as_tensor(spectrogram, device=device)
        with in_tf32(device):
            outputs = self.network(image, torch.as_tensor(context, device=device)).float()
        answers = label_sets.probabilities(outputs, self.label_sets)
        return np.asarray(answers.numpy(force=True))

    def on(self, device: torch.device | str) -> Self:
        """See `Predictor`."""
        self.network.to(device)
        self.label_sets = None if self.label_sets is None else self.label_sets.to(device)
        return self

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        from safetensors.torch import save_file

        state = dict(self.network.state_dict())
        if self.label_sets is not None:
            state[LABEL_SETS] = self.label_sets
        contiguous = {name: value.contiguous() for name, value in state.items()}
        save_file(contiguous, folder / WEIGHTS, {SIZES: json.dumps(asdict(self.sizes))})

    @classmethod
    def load(cls, files: Mapping[str, Path], settings: NetworkSettings) -> NetworkPredictor:
        """Read what `save` wrote."""
        from safetensors import safe_open
        from safetensors.torch import load_file

        with safe_open(files[WEIGHTS], "pt") as content:
            sizes = sizes_of(content)
        if sizes.context > CONTEXT_FEATURES:
            needs_neighbours(files)
        state = load_file(files[WEIGHTS])
        known = state.pop(LABEL_SETS, None)
        with torch.random.fork_rng(devices=[]):  # its first weights are thrown away
            network = settings.build(sizes)
        network.load_state_dict(state)
        return cls(network, sizes, known)
