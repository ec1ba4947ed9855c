"""The student as a graph: the same sums as `egams.onboard.student.answers`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egams.conventions import BACKGROUND_QUANTILES, HELIUM, HELIUM_SCALE, MZ_COUNT
from egams.families import FAMILIES
from egams.models.process import LOGIT_SCALE
from egams.onboard.graph import Graph
from egams.onboard.kernel import LARGEST_INT8, LARGEST_INT16, SMALLEST_SQUARE, Compressed, step_of
from egams.onboard.stages import LATEST_START, SIX_MZ
from egams.onboard.student import UNUSUAL, StageStudent
from egams.spectrogram.coarse import COARSE_BINS, Mask
from egams.spectrogram.context import LOWEST_BACKGROUND
from egams.spectrogram.descriptors import (
    FAINTEST,
    KEY_IONS,
    LEVEL,
    SMALLEST_PEAK,
    SMALLEST_SHAPE,
    SMALLEST_SHARE,
)

INPUT = "binned"
PROBABILITY, REFUSAL, STAGE, LIKENESS = OUTPUTS = ("probability", "refusal", "stage", "likeness")
JUDGED, INFINITE, TOO_LITTLE = 0, 1, 2
"""What the output ``refusal`` may be."""
BEYOND = 2.0
"""Sorts behind every abundance, the largest of which is 1."""
TINY = float(np.finfo(np.float32).tiny)


def student_graph(students: Sequence[StageStudent], *, whole_numbers: bool) -> Graph:
    """Write a student as a graph: see `egams.onboard.export` for its inputs and outputs.

    Parameters
    ----------
    students
        In the order in which they are tried.
    whole_numbers
        See `Graph`.
    """
    g = Graph(whole_numbers=whole_numbers)
    infinite = g.number(g.op("IsInf", INPUT))
    usable = g.op("Not", g.op("Or", g.op("IsNaN", INPUT), g.op("IsInf", INPUT)))
    known, value = g.number(usable), g.op("Where", usable, INPUT, g.weight(0.0))
    one = g.weight(1.0)
    waiting = g.sub(one, g.op("Squeeze", g.largest(infinite, 1, 2), g.weight([2], np.int64)))
    any_infinite = g.sub(one, waiting)
    probability = stage = likeness = g.mul(waiting, g.weight(0.0))
    for number, student in enumerate(students, 1):
        some_known, some = (_restricted(g, each, student.stage.mask) for each in (known, value))
        taken = g.mul(waiting, _judges(g, student, some_known, some))
        waiting = g.sub(waiting, taken)
        answer, alike = _answer(g, student, _describe(g, student.stage.mask, some_known, some))
        probability = g.add(probability, g.mul(taken, answer))
        likeness = g.add(likeness, g.mul(taken, alike))
        stage = g.add(stage, g.mul(taken, g.weight(float(number))))
    judged = g.op("Greater", stage, g.weight(0.5))
    g.op("Where", judged, probability, g.weight(np.nan), to=PROBABILITY)
    too_little = g.mul(waiting, g.weight(float(TOO_LITTLE)))
    g.op("Add", any_infinite, too_little, to=REFUSAL)
    g.op("Identity", stage, to=STAGE)
    g.op("Identity", likeness, to=LIKENESS)
    return g


def shapes() -> tuple[dict[str, list[int | str]], dict[str, list[int | str]]]:
    """Shapes of inputs and of outputs."""
    run: int | str = "run"
    outputs = {name: [run, 1] for name in OUTPUTS} | {PROBABILITY: [run, len(FAMILIES)]}
    return {INPUT: [run, MZ_COUNT, COARSE_BINS]}, outputs


def _restricted(g: Graph, image: str, mask: Mask) -> str:
    if len(mask.mz) < MZ_COUNT:
        image = g.chosen(image, mask.mz, 1)
    if mask.last < COARSE_BINS - 1:
        image = g.chosen(image, range(mask.last + 1), 2)
    return image


def _judges(g: Graph, student: StageStudent, known: str, value: str) -> str:
    """1 or 0 ``[run, 1]``: see `egams.onboard.stages.Stage.judges`."""
    stage = student.stage
    fewest = g.weight(stage.bins - stage.missing_bins - 0.5)
    enough = g.number(g.op("Greater", g.total(known, 2), fewest))
    covered = g.mul(enough, g.chosen(known, [LATEST_START], 2))
    covered = g.mul(covered, g.chosen(known, [stage.must_reach], 2))
    many = g.op("Greater", g.total(covered, 1, 2), g.weight(stage.fewest_mz - 0.5))
    six = [stage.mask.mz.index(mz) for mz in SIX_MZ]
    of_six = g.total(g.chosen(covered, six, 1), 1, 2)
    most = g.op("Greater", of_six, g.weight(len(SIX_MZ) - 1.5))
    signal = g.op("Greater", g.largest(value, 1, 2), g.weight(0.0))
    all_three = g.op("And", g.op("And", many, most), signal)
    return g.op("Squeeze", g.number(all_three), g.weight([2], np.int64))


def _describe(g: Graph, mask: Mask, known: str, value: str) -> list[str]:
    """As `egams.spectrogram.descriptors.descriptors` ``[run, feature]`` each."""
    abundance = g.op("Div", value, g.at_least(g.largest(value, 1, 2), TINY))
    quantiles = _quantiles(g, abundance, known, mask.last + 1)
    mean = g.mul(g.op("Sum", *quantiles), g.weight(1 / len(quantiles)))
    signal = g.mul(g.at_least(g.sub(abundance, mean), 0.0), known)
    is_helium = np.array(mask.mz) == HELIUM
    signal = g.mul(signal, g.weight(np.where(is_helium, HELIUM_SCALE, 1.0)[:, None]))
    strongest = g.at_least(g.largest(signal, 1, 2), TINY)
    signal = g.at_least(g.op("Div", signal, strongest), FAINTEST)
    image = g.log10(signal)
    others = g.mul(signal, g.weight(np.where(is_helium, 0.0, 1.0)[:, None]))
    total = g.log10(g.add(g.total(others, 1), g.weight(FAINTEST)))
    shares = g.at_most(g.at_least(g.sub(image, total), SMALLEST_SHARE), 0.0)
    pairs = _in_pairs(mask.last + 1)
    shares = g.matmul(shares, g.weight(pairs), (len(mask.mz), *pairs.shape))
    peak = g.largest(image, 2)
    key = np.flatnonzero(np.isin(mask.mz, KEY_IONS)).tolist()
    shapes = g.at_least(g.chosen(g.sub(image, peak), key, 1), SMALLEST_SHAPE)
    lowest = LOWEST_BACKGROUND
    floor = g.log10(g.at_most(g.at_least(quantiles[LEVEL], lowest), 1.0))
    level = g.sub(g.weight(1.0), g.mul(floor, g.weight(1 / np.log10(lowest))))
    level = g.mul(level, g.largest(known, 2))
    return [g.flat(each) for each in (shares, g.at_least(peak, SMALLEST_PEAK), shapes, level)]


def _quantiles(g: Graph, abundance: str, known: str, bins: int) -> list[str]:
    """Background quantiles ``[run, m/z, 1]``, by the rank of each bin among the measured ones.

    A sort would need operators that small runtimes lack.
    """
    unknown = g.sub(g.weight(1.0), known)
    filled = g.add(abundance, g.mul(unknown, g.weight(BEYOND)))
    own = g.op("Unsqueeze", filled, g.weight([3], np.int64))
    other = g.op("Unsqueeze", filled, g.weight([2], np.int64))
    less = g.number(g.op("Less", other, own))
    equal = g.number(g.op("Equal", other, own))
    before = g.number(g.weight(np.tril(np.ones((bins, bins)), -1), np.int8))
    ranks = g.total(g.add(less, g.mul(equal, before)), 3)
    ranks = g.op("Squeeze", ranks, g.weight([3], np.int64))
    last = g.at_least(g.sub(g.total(known, 2), g.weight(1.0)), 0.0)
    found = []
    for share in BACKGROUND_QUANTILES:
        place = g.mul(last, g.weight(share))
        near = g.sub(g.weight(1.0), g.op("Abs", g.sub(ranks, place)))
        weight = g.mul(g.at_least(near, 0.0), known)
        found.append(g.total(g.mul(weight, abundance), 2))
    return found


def _in_pairs(bins: int) -> NDArray[np.float64]:
    """Matrix that averages pairs of bins ``[bin, pair]``; half a pair counts half in a distance."""
    matrix = np.zeros((bins, -(-bins // 2)))
    for pair, (start, end) in enumerate(pairwise([*range(0, bins, 2), bins])):
        count = end - start
        matrix[start:end, pair] = np.sqrt(count / 2) / count
    return matrix


def _answer(g: Graph, student: StageStudent, described: list[str]) -> tuple[str, str]:
    """Probabilities ``[run, family]`` and likeness ``[run, 1]``."""
    kernel, head = student.kernel, student.head
    apart, centred = [], []
    for part, each, weight in zip(kernel.parts, described, kernel.weights.tolist(), strict=True):
        assert isinstance(part, Compressed)
        centred.append(g.sub(each, _constant(g, part.centre)))
        apart.append(g.mul(_distances(g, part, centred[-1]), g.weight(weight)))
    shared = g.op("Exp", g.op("Neg", g.op("Sum", *apart)))
    mean = _product(g, shared, kernel.coefficients, LARGEST_INT16)
    mean = g.add(mean, _constant(g, kernel.prior))
    likeness = g.largest(shared, 1)
    unlike = g.sub(g.weight(1.0), likeness)
    doubt = g.mul(_constant(g, kernel.doubt), unlike)
    spread = g.op("Sqrt", g.add(g.weight(1.0), doubt))
    logits = g.op("Div", g.mul(mean, _constant(g, kernel.slope)), spread)
    logits = g.add(logits, _constant(g, kernel.shift))
    evidence = g.op("Concat", g.mul(logits, g.weight(1 / LOGIT_SCALE)), unlike, axis=1)
    features = g.op("Div", g.op("Concat", *centred, axis=1), _constant(g, head.spread))
    features = g.at_most(g.at_least(features, -UNUSUAL), UNUSUAL)
    hidden = g.add(_product(g, features, head.inward), _plain(g, evidence, head.beside))
    hidden = g.op("Relu", g.add(hidden, _constant(g, head.threshold)))
    more = g.add(_product(g, hidden, head.outward), _plain(g, evidence, head.direct))
    logits = g.add(logits, g.add(more, _constant(g, head.shift)))
    return g.op("Sigmoid", logits), likeness


def _distances(g: Graph, part: Compressed, centred: str) -> str:
    place = _product(g, centred, part.directions)
    step = step_of(part.landmarks, 1, LARGEST_INT8).numpy()
    landmarks = g.on_grid(part.landmarks.numpy(), step)
    squares = g.total(g.mul(landmarks, landmarks), 0)
    both = g.matmul(place, landmarks, tuple(part.landmarks.shape))
    square = g.sub(g.add(g.total(g.mul(place, place), 1), squares), g.add(both, both))
    return g.op("Sqrt", g.at_least(square, SMALLEST_SQUARE))


def _product(g: Graph, a: str, weight: Tensor, largest: int = LARGEST_INT8) -> str:
    """Times a matrix on the grid."""
    weight = weight.detach()
    matrix = g.on_grid(weight.numpy(), step_of(weight, 0, largest).numpy())
    return g.matmul(a, matrix, tuple(weight.shape))


def _plain(g: Graph, a: str, weight: Tensor) -> str:
    return g.matmul(a, _constant(g, weight), tuple(weight.shape))


def _constant(g: Graph, values: Tensor) -> str:
    return g.weight(values.detach().numpy())
