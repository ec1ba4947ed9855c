"""`lightgbm`: gradient-boosted trees, one booster a family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from egams.families import FAMILIES
from egams.models.predictor import Predictor
from egams.models.trees import TreeSettings, features, logits_to_add_to

UNUSED = (
    *("split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight"),
    *("internal_count", "is_linear"),
)
"""Lines of a tree that only training and plots read."""


class LightgbmConfig(TreeSettings):
    """Settings of one booster a family, beside those of `TreeSettings`.

    Parameters
    ----------
    leaves, learning_rate, fewest_in_leaf, feature_share, row_share, l2
        As LightGBM knows them (``num_leaves`` and so on); `fewest_in_leaf` counts renders.
    context
        Whether the run's context joins the features.
    """

    kind: Literal["lightgbm"] = "lightgbm"
    leaves: int = Field(8, ge=2)
    learning_rate: float = Field(0.04, gt=0)
    fewest_in_leaf: int = Field(20, ge=1)
    feature_share: float = Field(0.1, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(5.0, ge=0)
    context: bool = True


class LightgbmPredictor(Predictor):
    """One LightGBM booster a family."""

    def __init__(self, boosters: list[Any], config: LightgbmConfig) -> None:
        self.boosters = boosters
        self.config = config

    def probabilities(self, spectrogram: Tensor, context: Tensor) -> Tensor:
        """See `Predictor`."""
        table = features(spectrogram, context, with_context=self.config.context).cpu().numpy()
        columns = [
            booster.predict(table, raw_score=True, num_threads=1) for booster in self.boosters
        ]
        added = torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
        return torch.sigmoid(logits_to_add_to(context) + added.to(context.device))

    def save(self, folder: Path) -> None:
        """See `Predictor`."""
        for family, booster in zip(FAMILIES, self.boosters, strict=True):
            (folder / f"{family}.txt").write_text(slim(booster.model_to_string()), encoding="utf-8")

    @classmethod
    def load(cls, files: Mapping[str, Path], config: LightgbmConfig) -> LightgbmPredictor:
        """Read what `save` wrote."""
        import lightgbm

        texts = [files[f"{family}.txt"].read_text(encoding="utf-8") for family in FAMILIES]
        boosters = [lightgbm.Booster(model_str=text) for text in texts]
        return cls(boosters, config)


def slim(text: str) -> str:
    """Shorten a booster's text; it predicts the same, to the last bit.

    Names of features become numbers, their ranges, the training settings and what trees
    remember of training go.
    """
    count = int(text.partition("max_feature_idx=")[2].partition("\n")[0]) + 1
    names, ranges = " ".join(map(str, range(count))), " ".join(["none"] * count)
    replaced = {"feature_names": names, "feature_infos": ranges}
    kept = []
    for line in text[: text.index("end of trees")].splitlines():
        key = line.partition("=")[0]
        # The sizes of the trees would no longer be true; LightGBM reads on without them.
        if key not in UNUSED and key != "tree_sizes":
            kept.append(f"{key}={replaced[key]}" if key in replaced else line)
    return "\n".join([*kept, "end of trees", ""])
