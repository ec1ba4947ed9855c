"""LightGBM's text format without what prediction does not need, at less than half the size."""

from __future__ import annotations

UNUSED = (
    *("split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight"),
    *("internal_count", "is_linear"),
)
"""Lines of a tree that only training and plots read."""


def slim(text: str) -> str:
    """Shorten a booster's text; it predicts the same, to the last bit.

    Names of features become numbers, their ranges, the training settings and what trees
    remember of training go.
    """
    features = int(text.partition("max_feature_idx=")[2].partition("\n")[0]) + 1
    names, ranges = " ".join(map(str, range(features))), " ".join(["none"] * features)
    replaced = {"feature_names": names, "feature_infos": ranges}
    kept = []
    for line in text[: text.index("end of trees")].splitlines():
        key = line.partition("=")[0]
        # The sizes of the trees would no longer be true; LightGBM reads on without them.
        if key not in UNUSED and key != "tree_sizes":
            kept.append(f"{key}={replaced[key]}" if key in replaced else line)
    return "\n".join([*kept, "end of trees", ""])
