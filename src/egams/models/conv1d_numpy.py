"""`conv1d` without torch: the same network as a few matrix products, answers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egams.conventions import TEMPERATURE_COUNT
from egams.models.conv1d import GROUPS, SLOPE, Conv1dConfig
from egams.models.neighbours import EVIDENCE_FEATURES
from egams.models.network import EVIDENCE_WIDTH, Sizes
from egams.models.weights import Shapes, Weights
from egams.spectrogram.context import CONTEXT_FEATURES

Floats = NDArray[np.float32]

RUNS_AT_ONCE = 32
"""What is computed of so many stays in the cache of a core."""
STEM_TAPS, BLOCK_TAPS = 5, 3
EPSILON = 1e-5
"""Added to a variance, as torch's group norm does."""


def expected_shapes(config: Conv1dConfig, sizes: Sizes) -> Shapes:
    """Name the weights of `egams.models.networks.conv1d.Conv1d`, and the shape of each."""
    width, beside = config.width, config.context_width
    shapes: Shapes = {"stem.weight": (width, sizes.rows + 1, STEM_TAPS)}
    shapes["stem.bias"] = (width,)
    for place, _ in enumerate(config.dilations):
        for part in (0, 3):
            shapes |= dict.fromkeys(_pair(f"blocks.{place}.body.{part}"), (width,))
            shapes[f"blocks.{place}.body.{part + 2}.weight"] = (width, width, BLOCK_TAPS)
    shapes |= dict.fromkeys(_pair("last.0"), (width,))
    joined = 2 * width
    branches = {"context": (CONTEXT_FEATURES, beside)}
    if sizes.context > CONTEXT_FEATURES:
        branches["evidence"] = (EVIDENCE_FEATURES, EVIDENCE_WIDTH)
    for name, (inputs, outputs) in branches.items():
        if outputs:
            shapes[f"head.{name}.1.weight"] = (outputs, inputs)
            shapes[f"head.{name}.1.bias"] = (outputs,)
        joined += outputs
    shapes["head.logits.weight"] = (sizes.outputs, joined)
    shapes["head.logits.bias"] = (sizes.outputs,)
    return shapes


def _pair(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


class Conv1dInNumpy:
    """The network in evaluation mode, channels last.

    Parameters
    ----------
    config, sizes
        Of the network that was trained.
    weights
        Of the names and shapes of `expected_shapes`.
    """

    def __init__(self, config: Conv1dConfig, sizes: Sizes, weights: Weights) -> None:
        self.stride = min(config.stride, TEMPERATURE_COUNT)
        stem, first = weights["stem.weight"], -(STEM_TAPS // 2)
        self.stem = _Convolution(stem[:, :-1], range(first, first + STEM_TAPS), self.stride)
        self.start = _start(stem[:, -1], weights["stem.bias"], self.stride)
        self.blocks = []
        for place, dilation in enumerate(config.dilations):
            body = f"blocks.{place}.body"
            for part, step in ((0, dilation), (3, 1)):
                convolution = weights[f"{body}.{part + 2}.weight"]
                self.blocks.append(
                    (
                        _Norm.of(weights, f"{body}.{part}"),
                        _Convolution(convolution, (-step, 0, step)),
                    )
                )
        self.last = _Norm.of(weights, "last.0")
        self.head = _Head(weights)

    def __call__(self, spectrogram: Floats, context: Floats) -> Floats:
        """Logits ``[B, output]`` from ``[B, row, temperature]`` and ``[B, feature]``."""
        starts = range(0, len(spectrogram), RUNS_AT_ONCE)
        pooled = [self._pooled(spectrogram[first : first + RUNS_AT_ONCE]) for first in starts]
        return self.head(np.concatenate(pooled), context)

    def _pooled(self, spectrogram: Floats) -> Floats:
        """Mean and maximum of the last features ``[B, 2 * channel]``."""
        features = np.repeat(self.start[None], len(spectrogram), 0)
        self.stem.add_to(features, _columns(spectrogram, self.stride))
        scratch = np.empty((2, *features.shape), np.float32)
        for (norm, widen), (renorm, close) in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            change = np.zeros_like(features)
            widen.add_to(change, norm(features, *scratch))
            close.add_to(features, renorm(change, *scratch))
        last = self.last(features, *scratch)
        return np.concatenate([last.mean(1), last.max(1)], 1)


def _columns(spectrogram: Floats, stride: int) -> Floats:
    """Lay out as many temperatures as a stride has beside each other ``[B, step, row]``."""
    signal = np.ascontiguousarray(spectrogram.transpose(0, 2, 1), np.float32)
    missing = -TEMPERATURE_COUNT % stride
    if missing:
        signal = np.pad(signal, ((0, 0), (0, missing), (0, 0)))
    return signal.reshape(len(signal), -1, stride * signal.shape[2])


def _start(weight: Floats, bias: Floats, stride: int) -> Floats:
    """What position and bias add to the features of every run ``[step, channel]``."""
    edge = np.zeros(STEM_TAPS // 2, np.float32)
    position = np.arange(TEMPERATURE_COUNT, dtype=np.float32) / np.float32(TEMPERATURE_COUNT)
    around = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([edge, position, edge]), STEM_TAPS
    )
    return np.asarray(around[::stride] @ weight.T + bias)


class _Convolution:
    """Products with shifted slices: a step of the input holds `stride` temperatures.

    Parameters
    ----------
    kernel
        ``[output channel, input channel, tap]``.
    offsets
        Of each tap from the temperature it is centred on.
    """

    def __init__(self, kernel: Floats, offsets: range | tuple[int, ...], stride: int = 1) -> None:
        _, channels, _ = kernel.shape
        of_step: dict[int, list[int]] = {}
        for tap, offset in enumerate(offsets):
            of_step.setdefault(offset // stride, []).append(tap)
        self.parts = []
        for step, taps in of_step.items():
            first = channels * (offsets[taps[0]] % stride)
            matrix = kernel[:, :, taps].transpose(2, 1, 0).reshape(-1, len(kernel))
            where = slice(first, first + len(matrix))
            self.parts.append((step, where, np.ascontiguousarray(matrix)))

    def add_to(self, out: Floats, signal: Floats) -> None:
        """Add to `out` the convolution of ``[B, step, channel]``; beyond its ends are zeros."""
        B, T, _ = signal.shape
        flat = signal.reshape(B * T, -1)
        for step, where, matrix in self.parts:
            product = (flat[:, where] @ matrix).reshape(B, T, -1)
            kept = max(0, T - abs(step))
            if step < 0:
                out[:, T - kept :] += product[:, :kept]
            else:
                out[:, :kept] += product[:, T - kept :]


@dataclass(frozen=True)
class _Norm:
    """Group norm, then the mean slope of the randomised ReLU."""

    weight: Floats
    bias: Floats

    @classmethod
    def of(cls, weights: Weights, name: str) -> _Norm:
        return cls(*(weights[each] for each in _pair(name)))

    def __call__(self, features: Floats, out: Floats, other: Floats) -> Floats:
        """Of `features` ``[B, step, channel]``, into `out`; `other` is room of the same shape."""
        np.subtract(features, _mean_of_group(features), out=out)
        np.multiply(out, out, out=other)
        out *= self.weight / np.sqrt(_mean_of_group(other) + np.float32(EPSILON))
        out += self.bias
        np.multiply(out, np.float32(SLOPE), out=other)
        return np.maximum(out, other, out=out)


def _mean_of_group(features: Floats) -> Floats:
    """Mean of the group of each channel ``[B, 1, channel]``."""
    _, T, C = features.shape
    each = np.full(T, 1 / T, np.float32) @ features  # a product: faster than a mean
    of_group = each.reshape(-1, 1, GROUPS, C // GROUPS).mean(3)
    return np.repeat(of_group, C // GROUPS, 2)


class _Head:
    """`egams.models.layers.Head`."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        columns = {"context": slice(CONTEXT_FEATURES), "evidence": slice(CONTEXT_FEATURES, None)}
        self.branches = [
            (f"head.{name}.1", seen)
            for name, seen in columns.items()
            if f"head.{name}.1.weight" in weights
        ]

    def __call__(self, features: Floats, context: Floats) -> Floats:
        parts = [gelu(self._linear(name, context[:, seen])) for name, seen in self.branches]
        return self._linear("head.logits", np.concatenate([features, *parts], 1))

    def _linear(self, name: str, values: Floats) -> Floats:
        weight, bias = (self.weights[each] for each in _pair(name))
        return np.asarray(values @ weight.T + bias)


def gelu(values: Floats) -> Floats:
    """Values times the probability that a normal variate is below them.

    Source: the error function of Abramowitz & Stegun, 7.1.26, good to 1.5e-7.
    """
    distance = np.abs(values.astype(np.float64)) * np.sqrt(0.5)
    t = 1 / (1 + 0.3275911 * distance)
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    tail = 0.5 * np.exp(-(distance**2)) * t * np.polynomial.polynomial.polyval(t, terms)
    share = np.where(values < 0, tail, 1 - tail)
    return np.asarray(values * share, np.float32)
