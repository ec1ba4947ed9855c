"""What LightGBM and CatBoost grew, as a `Forest`, which answers without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egams.errors import ConfigError
from egams.models.forest import Forest


def from_lightgbm(texts: Sequence[str]) -> Forest:
    """Convert boosters, one a family.

    Parameters
    ----------
    texts
        ``Booster.model_to_string()`` of each.

    Raises
    ------
    ConfigError
        If one is not made of plain numeric splits, one value a leaf, or they differ in their
        number of features.
    """
    found = [_Booster(text) for text in texts]
    features = {booster.features for booster in found}
    if len(features) != 1:
        raise ConfigError(f"boosters of {sorted(features)} features; expected the same of all.")
    trees = [tree for booster in found for tree in booster.trees]

    def joined(name: str, kind: type[np.generic]) -> NDArray[Any]:
        return np.array(" ".join(tree[name] for tree in trees).split(), kind)

    return Forest(
        leaves=joined("num_leaves", np.int32),
        family=np.repeat(np.arange(len(found), dtype=np.int32), [len(b.trees) for b in found]),
        feature=joined("split_feature", np.int32),
        threshold=rounded_down(joined("threshold", np.float64)),
        left=joined("left_child", np.int32),
        right=joined("right_child", np.int32),
        value=joined("leaf_value", np.float64)[:, None],
        start=np.zeros(len(found)),
        features=np.array(list(features), np.int32),
    )


class _Booster:
    """The text of a booster, taken apart: lines ``key=value`` before the trees, and of each."""

    def __init__(self, text: str) -> None:
        head, *trees = text.partition("\nend of trees")[0].split("\nTree=")
        self.trees = [_keyed(tree) for tree in trees]
        general = _keyed(head)
        if general.get("num_tree_per_iteration") != "1" or "average_output" in head.split():
            raise ConfigError("a LightGBM model that is not the sum of its trees for one target.")
        for number, tree in enumerate(self.trees):
            if tree.get("num_cat") != "0" or tree.get("is_linear", "0") != "0":
                raise ConfigError(f"tree {number}: expected numeric splits and one value a leaf.")
            # Bit 0: of categories; bit 1: where missing values go; bits 2, 3: what is missing.
            if not set(tree["decision_type"].split()) <= {"0", "2"}:
                raise ConfigError(f"tree {number}: splits that treat some values as missing.")
        self.features = int(general["max_feature_idx"]) + 1


def _keyed(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {key: value for key, _, value in lines}


def from_catboost(export: Mapping[str, Any]) -> Forest:
    """Convert a model of oblivious trees, each of them for all families.

    Parameters
    ----------
    export
        Content of the file that ``save_model(path, format="json")`` writes.

    Raises
    ------
    ConfigError
        If it is not made of oblivious trees of numeric splits.
    """
    if "oblivious_trees" not in export:
        raise ConfigError("a CatBoost model that is not made of oblivious trees.")
    scale, start = export["scale_and_bias"]
    trees = export["oblivious_trees"]
    # Split i gives bit i of the leaf's number; 1 above its border. The root asks for the highest.
    of_trees = [(tree["splits"] or [])[::-1] for tree in trees]
    splits = [split for of_tree in of_trees for i, split in enumerate(of_tree) for _ in range(2**i)]
    if any(split["split_type"] != "FloatFeature" for split in splits):
        raise ConfigError("a CatBoost model with splits that are not numeric.")
    children = [_children(len(of_tree)) for of_tree in of_trees]
    values = np.concatenate([tree["leaf_values"] for tree in trees])
    return Forest(
        leaves=np.array([2 ** len(of_tree) for of_tree in of_trees], np.int32),
        family=np.zeros(len(trees), np.int32),
        feature=np.array([split["float_feature_index"] for split in splits], np.int32),
        threshold=rounded_down(np.array([split["border"] for split in splits], np.float64)),
        left=np.concatenate([left for left, _ in children]),
        right=np.concatenate([right for _, right in children]),
        value=scale * values.reshape(-1, len(start)),
        start=np.array(start, np.float64),
        features=np.array([len(export["features_info"]["float_features"])], np.int32),
    )


def _children(depth: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`Forest.left` and `Forest.right` of a full tree whose nodes are numbered level by level."""
    nodes = 2**depth - 1
    left = 2 * np.arange(nodes, dtype=np.int32) + 1
    left, right = (np.where(at < nodes, at, nodes - 1 - at) for at in (left, left + 1))
    return left, right


def rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each: for a float32 x, ``x <= t`` stays the same."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
        return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
