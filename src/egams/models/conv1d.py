"""`conv1d`: convolutions over temperature, m/z as channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from egams.models.network import NetworkSettings, Sizes

if TYPE_CHECKING:
    from torch import nn


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
    width: int = Field(128, ge=8, multiple_of=8)
    dilations: tuple[int, ...] = (1, 2, 4)
    stride: int = Field(2, ge=1)

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        from egams.models.networks.conv1d import Conv1d

        return Conv1d(self, sizes)
