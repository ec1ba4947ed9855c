"""In which numbers a network learns, and whether it is compiled; weights stay float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.models.cnn import CnnConfig
from egams.models.recurrent import GruConfig
from egams.models.tf32 import in_tf32
from egams.models.vit import Vit1dConfig
from egams.training.controls import Controls
from egams.training.network import loop
from egams.training.network.loop import train_network
from egams.training.network.precision import in_bfloat16, laid_out
from training_samples import resident, small

CPU = torch.device("cpu")


def trained(kind: type = CnnConfig, *, compiled: bool = False, **training: Any) -> dict[str, Any]:
    settings = TrainingConfig(epochs=2, batch_size=8, **training)
    experiment = Experiment(name="precise", model=small(kind), training=settings)
    controls = Controls(compiled=compiled)
    predictor = train_network(experiment, resident(), np.arange(16), 0, controls)
    return predictor.network.state_dict()


@pytest.mark.parametrize(
    ("amx", "avx512", "expected"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
def test_auto_is_bfloat16_where_a_processor_multiplies_in_it(
    amx: bool, avx512: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    plain, depthwise = nn.Conv2d(4, 8, 3), nn.Sequential(nn.Conv2d(4, 8, 3, groups=4))
    assert in_bfloat16("auto", CPU, plain) is expected
    assert not in_bfloat16("auto", CPU, depthwise)
    assert not in_bfloat16("auto", torch.device("meta"), plain), "unknown hardware"
    for network in (plain, depthwise):
        assert in_bfloat16("bf16", CPU, network)
        assert not in_bfloat16("fp32", CPU, network)


@pytest.mark.parametrize(
    ("groups", "bfloat16", "expected"), [(1, True, True), (1, False, False), (8, False, True)]
)
def test_channels_last_where_convolutions_are_faster_so(
    groups: int, bfloat16: bool, expected: bool
) -> None:
    first = nn.Conv2d(4, 8, 3)
    laid_out(nn.Sequential(first, nn.Conv2d(8, 8, 3, groups=groups)), bfloat16)
    assert first.weight.is_contiguous(memory_format=torch.channels_last) is expected


def test_networks_on_a_gpu_multiply_in_tf32_and_nothing_else_does() -> None:
    def precision() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    before = precision()
    with in_tf32(CPU, tuned=True):
        assert precision() == before
    for tuned in (True, False):
        with in_tf32(torch.device("cuda"), tuned=tuned):
            assert precision() == ("high", tuned)
        assert precision() == before


@pytest.mark.parametrize("kind", [CnnConfig, GruConfig, Vit1dConfig])
def test_bfloat16_learns_nearly_what_float32_does(kind: type) -> None:
    plain, half = (trained(kind, precision=name) for name in ("fp32", "bf16"))
    floating = [name for name, value in plain.items() if value.is_floating_point()]
    assert all(half[name].dtype == torch.float32 for name in floating)
    assert any(not torch.equal(half[name], plain[name]) for name in floating), "it was not used"
    for name in floating:
        torch.testing.assert_close(half[name], plain[name], rtol=0.2, atol=0.02)


def test_a_compiled_network_is_the_one_that_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []

    def note(network: torch.nn.Module) -> Any:
        compiled.append(network)
        return network

    monkeypatch.setattr(loop.torch, "compile", note)
    told, plain = trained(compiled=True), trained()
    assert len(compiled) == 1
    assert all(torch.equal(told[name], plain[name]) for name in plain)
