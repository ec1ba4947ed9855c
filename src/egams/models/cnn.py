"""`cnn`: an image network from timm over the spectrogram, and its coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from egams.models.network import NetworkSettings, Sizes

if TYPE_CHECKING:
    from torch import nn


class CnnConfig(NetworkSettings):
    """Settings of the network, beside those of `NetworkSettings`.

    Parameters
    ----------
    backbone
        Name of a timm model.
    backbone_settings
        Handed to timm as they are; the default makes a ResNet of 10 layers narrow.
    coordinates
        Whether temperature and m/z position join the spectrogram as two more channels.
    pooling
        ``"mean_max"``: mean and maximum over the last features; ``"mean"``: as timm's own
        classifiers have it.
    pretrained
        Weights of ImageNet that a training starts from. ``"no"``; ``"yes"``: those of an installed
        package (see `egams.models.packaged_weights`), else those that timm names, from its hub or
        an earlier download; ``"auto"``: the same where they can be had, else none, with a warning;
        anything else: a file of timm's weights.
    """

    kind: Literal["cnn"] = "cnn"
    backbone: str = "resnet10t"
    backbone_settings: dict[str, Any] = Field(
        default_factory=lambda: {
            "channels": [24, 48, 96, 192],  # as JSON gives it back
            "stem_width": 12,
            "stem_type": "deep",
        }
    )
    coordinates: bool = True
    pooling: Literal["mean_max", "mean"] = "mean_max"
    pretrained: str = "no"

    def build(self, sizes: Sizes) -> nn.Module:
        """See `NetworkSettings`."""
        from egams.models.networks.cnn import Cnn

        return Cnn(self, sizes)

    def prepare(self, network: nn.Module) -> str:
        """See `NetworkSettings` and `egams.models.pretrained.starting_weights`."""
        from egams.models.networks.cnn import Cnn
        from egams.models.pretrained import starting_weights

        assert isinstance(network, Cnn)
        return starting_weights(network.backbone, self.pretrained)
