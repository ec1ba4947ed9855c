"""`Forest`: trained trees as flat arrays, checked before they are used, and their sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from egams.errors import ArtifactError
from egams.kernel import NUMPY, compiled, kernel

DEEPEST = 1000
"""Splits between a root and a leaf, at most."""
ROWS_AT_ONCE = 16

Whole = NDArray[np.int32]
FORM: dict[str, tuple[type[np.generic], int]] = {
    **dict.fromkeys(("leaves", "family", "feature", "left", "right"), (np.int32, 1)),
    "threshold": (np.float32, 1),
    "value": (np.float64, 2),
    "start": (np.float64, 1),
    "features": (np.int32, 1),
}
"""Type and number of axes of the arrays of a file and of a forest."""
KINDS = {np.int32: {"I8", "I16", "I32"}, np.float32: {"F32"}, np.float64: {"F64"}}
"""How a file may hold each type."""


@dataclass(frozen=True, eq=False)
class Forest:
    """Decision trees on a table of features, whose leaves add to the logits of families.

    Trees lie one after the other in the arrays of nodes and of leaves. A tree of n leaves has
    n - 1 nodes; the first is its root. A row goes to the left of a node where its feature is at
    most the threshold.

    Parameters
    ----------
    leaves
        Of each tree, 1 or more ``[tree]``.
    family
        First of the families that a tree adds to ``[tree]``.
    feature, threshold
        What a node compares ``[node]``.
    left, right
        Where rows go from a node: to a later one, counted from the root of its tree, or to the
        leaf i of its tree, written as -1 - i ``[node]``.
    value
        What a leaf adds to each family from `family` on ``[leaf, output]``.
    start
        Logits without trees ``[family]``.
    features
        Columns of a table ``[1]``.

    Raises
    ------
    ArtifactError
        If the arrays are no such trees: of another type or length, with an index out of range, a
        node or leaf that is not reached once from one root, more than `DEEPEST` splits on the way
        to a leaf, or a number that is not finite.
    """

    leaves: Whole
    family: Whole
    feature: Whole
    threshold: NDArray[np.float32]
    left: Whole
    right: Whole
    value: NDArray[np.float64]
    start: NDArray[np.float64]
    features: Whole

    def __post_init__(self) -> None:
        problem = next(self._problems(), None)
        if problem is not None:
            raise ArtifactError(f"trees of which {problem}. Make them again.")
        for name in FORM:
            getattr(self, name).flags.writeable = False

    def _problems(self) -> Iterator[str]:
        """What is wrong, worst first: each check relies on those before it."""
        for name, (kind, axes) in FORM.items():
            array = getattr(self, name)
            if array.dtype != kind or array.ndim != axes or not array.flags.c_contiguous:
                yield f"'{name}' is {array.dtype} with {array.ndim} axes"
        nodes, leaves = len(self.feature), int(self.leaves.sum(dtype=np.int64))
        if self.features.shape != (1,) or self.features[0] < 1:
            yield "the number of features is not 1 or more"
        if np.any(self.leaves < 1) or leaves != len(self.value):
            yield f"{len(self.value)} leaves are not those of the trees"
        if any(len(each) != nodes for each in (self.threshold, self.left, self.right)):
            yield "arrays of nodes differ in length"
        if nodes != leaves - len(self.leaves) or len(self.family) != len(self.leaves):
            yield f"{nodes} nodes or {len(self.family)} families are not those of the trees"
        if np.any((self.feature < 0) | (self.feature >= self.features[0])):
            yield f"a node compares a feature that is not one of {self.features[0]}"
        last = len(self.start) - self.value.shape[1]
        if self.value.shape[1] < 1 or np.any((self.family < 0) | (self.family > last)):
            yield f"one adds to a family that is not one of {len(self.start)}"
        if not all(np.isfinite(each).all() for each in (self.threshold, self.value, self.start)):
            yield "a threshold or value is not finite"
        if not self._are_trees():
            yield "a node or leaf is not reached once from one root"
        if not self._are_shallow():
            yield f"one is deeper than {DEEPEST} splits"

    def _are_trees(self) -> bool:
        nodes_of = self.leaves - 1
        nodes, leaves = np.repeat(nodes_of, nodes_of), np.repeat(self.leaves, nodes_of)
        own = np.arange(len(nodes)) - np.repeat(self._first_node, nodes_of)
        for child in (self.left, self.right):
            if np.any((child >= nodes) | (child < -leaves) | ((child >= 0) & (child <= own))):
                return False
        reached = np.concatenate([*self._children, self._roots])
        inner, outer = reached[reached >= 0], ~reached[reached < 0]
        # As many arrows as nodes and leaves: if none is missing, each is reached once, and since
        # arrows lead on within a tree, from its root.
        return bool(
            np.bincount(inner, minlength=len(own)).all()
            and np.bincount(outer, minlength=len(self.value)).all()
        )

    def _are_shallow(self) -> bool:
        (left, right), level = self._children, self._roots
        for _ in range(DEEPEST + 1):
            level = level[level >= 0]
            if not level.size:
                return True
            level = np.concatenate([left[level], right[level]])
        return False

    @cached_property
    def _first_node(self) -> NDArray[np.int64]:
        return np.cumsum(self.leaves - 1, dtype=np.int64) - (self.leaves - 1)

    @cached_property
    def _first_leaf(self) -> NDArray[np.int64]:
        return np.cumsum(self.leaves, dtype=np.int64) - self.leaves

    @cached_property
    def _children(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`left` and `right`, counted from the first node and leaf of all trees."""
        nodes_of = self.leaves - 1
        node, leaf = (np.repeat(at, nodes_of) for at in (self._first_node, self._first_leaf))
        left, right = (
            np.where(child >= 0, node + child, child - leaf) for child in (self.left, self.right)
        )
        return left, right

    @cached_property
    def _roots(self) -> NDArray[np.int64]:
        """The first node of each tree, or its leaf where that is all."""
        return np.where(self.leaves > 1, self._first_node, ~self._first_leaf)

    def logits(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what rows of features reach, trees summed in their order ``[row, family]``.

        Parameters
        ----------
        table
            ``[row, feature]``.

        Raises
        ------
        ArtifactError
            If the table has another number of features than the trees were made for.
        """
        table = np.ascontiguousarray(table, np.float32)
        if table.ndim != 2 or table.shape[1] != self.features[0]:
            raise ArtifactError(
                f"a table {list(table.shape)} for trees that were made for {self.features[0]} "
                "features. Predict with the settings, and the evidence, they were trained with."
            )
        instructions, module = kernel(), compiled()
        sums = np.zeros((len(table), len(self.start)))
        if instructions == NUMPY or module is None:
            for first in range(0, len(table), ROWS_AT_ONCE):
                rows = slice(first, first + ROWS_AT_ONCE)
                sums[rows] = self._sums(table[rows])
        else:
            module.sum_leaves(
                *(instructions, self.leaves, self.family, self.feature, self.left, self.right),
                *(self.threshold, self.value, table, sums),
            )
        return self.start + sums

    def _sums(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum with NumPy, all trees level by level."""
        (left, right), rows, families = self._children, len(table), len(self.start)
        at = np.repeat(self._roots, rows)
        walking = np.flatnonzero(at >= 0)
        while walking.size:
            node = at[walking]
            goes_left = table[walking % rows, self.feature[node]] <= self.threshold[node]
            at[walking] = node = np.where(goes_left, left[node], right[node])
            walking = walking[node >= 0]
        # [tree, row, output]; bincount adds one after the other, as the compiled code does.
        reached = self.value[~at.reshape(-1, rows)]
        of_family = self.family[:, None, None] + np.arange(self.value.shape[1])
        place = of_family + families * np.arange(rows)[:, None]
        sums = np.bincount(place.ravel(), weights=reached.ravel(), minlength=rows * families)
        return sums.reshape(rows, families).astype(np.float64)

    def save(self, path: Path) -> None:
        """Write as safetensors, whole numbers in as few bytes as hold them."""
        from safetensors.numpy import save_file

        save_file({name: _narrow(getattr(self, name)) for name in FORM}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ArtifactError
            If it is no such file or holds no sound trees.
        """
        from safetensors import SafetensorError, safe_open

        arrays = {}
        try:
            with safe_open(path, "np") as file:
                if set(file.keys()) != set(FORM):
                    raise ArtifactError(f"{path}: holds no trees. Make them again.")
                for name, (kind, _) in FORM.items():
                    found = file.get_slice(name).get_dtype()
                    if found not in KINDS[kind]:
                        raise ArtifactError(f"{path}: '{name}' is {found}. Make them again.")
                    arrays[name] = np.ascontiguousarray(file.get_tensor(name), kind)
            return cls(**arrays)
        except SafetensorError as error:
            raise ArtifactError(f"{path}: cannot be read ({error}). Make it again.") from error


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers in the smallest type that a file may hold; others as they are."""
    if array.dtype != np.int32:
        return array
    for kind in (np.int8, np.int16):
        if np.array_equal(array, array.astype(kind)):
            return array.astype(kind)
    return array
