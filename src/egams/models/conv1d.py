"""`conv1d`: convolutions over temperature, m/z as channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from egams.models.network import NetworkSettings, Sizes

if TYPE_CHECKING:
    from torch import nn

GROUPS = 8
"""Of channels, normalised together."""
LOWEST_SLOPE, HIGHEST_SLOPE = 1 / 8, 1 / 3
"""Below zero, drawn anew for each value in training (Xu et al. 2015)."""
SLOPE = (LOWEST_SLOPE + HIGHEST_SLOPE) / 2
"""Below zero, in answers."""


class Conv1dConfig(NetworkSettings):
    """Settings of the network, beside those of `NetworkSettings`.

    Parameters
    ----------
    width
        Channels.
    dilations
        One residual block each.
    stride
        Of the first convolution.
    """

    kind: Literal["conv1d"] = "conv1d"
    width: int = Field(128, ge=GROUPS, multiple_of=GROUPS)
    dilations: tuple[int, ...] = (1, 2, 4)
    stride: int = Field(2, ge=1)

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        from egams.models.networks.conv1d import Conv1d

        return Conv1d(self, sizes)
