"""A network of one's own: made known, trained by name, and held to the contract."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import egams as library
from command_line import ROOT
from egams.cli.main import app
from egams.errors import ConfigError, ContractError
from egams.experiments.experiment import Experiment
from egams.experiments.zoo import experiments_named
from egams.models import registry
from egams.models.layers import Head
from egams.models.network import NetworkSettings, Sizes
from egams.training import model_contract
from training_samples import labelled_runs

MINE = """
from typing import Literal
from egams.models.network import NetworkSettings, Sizes
from egams.models.layers import Head
from torch import nn

class FlatConfig(NetworkSettings):
    kind: Literal["flat"] = "flat"
    width: int = 8

    def build(self, sizes):
        return nn.Linear(1, 1)
"""


@pytest.fixture(autouse=True)
def registry_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_KINDS", dict(registry.registered()))
    yield
    registry._load_entry_points.cache_clear()


class Linear(nn.Module):
    """Mean over temperature, then one layer."""

    def __init__(self, config: NetworkSettings, sizes: Sizes) -> None:
        super().__init__()
        self.head = Head(sizes.rows, sizes, config)

    def forward(self, spectrogram: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return self.head(spectrogram.mean(2), context)


class Noisy(Linear):
    def forward(self, spectrogram, context):
        return super().forward(spectrogram, context) + torch.rand(1)


class Sociable(Linear):
    def forward(self, spectrogram, context):
        return super().forward(spectrogram - spectrogram.mean(0), context)


class Idle(Linear):
    def __init__(self, config, sizes):
        super().__init__(config, sizes)
        self.unused = nn.Parameter(torch.zeros(3))


class Forgetful(Linear):
    def __init__(self, config, sizes):
        super().__init__(config, sizes)
        self.secret = torch.rand(1)

    def forward(self, spectrogram, context):
        return super().forward(spectrogram, context) * self.secret


class Narrow(Linear):
    def forward(self, spectrogram, context):
        return super().forward(spectrogram, context)[:, :10]


class Explosive(Linear):
    def forward(self, spectrogram, context):
        return super().forward(spectrogram, context) * (float("inf") if self.training else 1.0)


class Deaf(Linear):
    def forward(self, spectrogram, context):
        return super().forward(1e-4 * spectrogram, context)


class Opaque(Linear):
    def forward(self, spectrogram, context):
        known = float(spectrogram[0, 0, 0]) > -1  # always so, which an exporter cannot know
        return super().forward(spectrogram if known else -spectrogram, context)


def config_of(network: type[Linear]) -> NetworkSettings:
    class Config(NetworkSettings):
        kind: Literal["mine"] = "mine"

        def build(self, sizes: Sizes) -> nn.Module:
            return network(self, sizes)

    return library.register_model(Config)(dropout=0.0, mz_dropout=0.0, context_width=0)


BROKEN = {
    Narrow: r"'logits for every family of every run': \(5, 10\) instead of \(5, 17\)",
    Idle: "'the gradient reaches every parameter': 1 get none: unused",
    Noisy: "'prediction is deterministic': twice the same run, two answers",
    Forgetful: "'saved and loaded it is the same'",
    Sociable: "'a run is judged by itself': alone and among others",
    Explosive: "'bfloat16 stays finite'",
    Opaque: "'ONNX can be made of it'",
    Deaf: "'it memorises 20 runs': after 110 epochs its log loss",
}


@pytest.mark.parametrize("network", BROKEN, ids=lambda network: network.__name__)
def test_a_broken_promise_is_named(network: type[Linear], monkeypatch: pytest.MonkeyPatch) -> None:
    if network is Deaf:  # the only one that gets as far
        monkeypatch.delitem(model_contract.PROMISES, "ONNX can be made of it")
    config, state = config_of(network), torch.get_rng_state()
    with pytest.raises(ContractError, match=f"the model 'mine' breaks {BROKEN[network]}"):
        library.check_model(config)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_that_nobody_registered_breaks_the_contract() -> None:
    class Config(NetworkSettings):
        kind: Literal["unknown"] = "unknown"

        def build(self, sizes: Sizes) -> nn.Module:
            return Linear(self, sizes)

    with pytest.raises(ContractError, match="'its settings are known by their kind': no kind"):
        library.check_model(Config())


def test_without_onnx_that_promise_is_skipped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    promise = model_contract.PROMISES["ONNX can be made of it"]
    assert re.match(r'skipped: onnxruntime .*"egams\[onboard\]"', promise(config_of(Linear)) or "")


def test_the_example_of_the_documentation_keeps_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(model_contract.PROMISES, "ONNX can be made of it")
    exec(documented_example(), {"__name__": "my_models"})
    assert Experiment(name="x", model={"kind": "means"}).model.width == 32


def test_a_registered_model_is_an_experiment_s_like_any_other(tmp_path: Path) -> None:
    config = config_of(Linear)
    experiment = Experiment(name="mine", model={"kind": "mine", "context_width": 4})
    assert type(experiment.model) is type(config)
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    path = tmp_path / "mine.yaml"
    path.write_text("experiments: {one: {model: {kind: mine, context_width: 4}}}")
    assert experiments_named(str(path))[0].model == experiment.model


def test_what_is_no_model_or_another_s_kind_is_refused() -> None:
    class Gru(NetworkSettings):
        kind: Literal["gru"] = "gru"

        def build(self, sizes: Sizes) -> nn.Module:
            return Linear(self, sizes)

    class Nameless(NetworkSettings):
        def build(self, sizes: Sizes) -> nn.Module:
            return Linear(self, sizes)

    with pytest.raises(ConfigError, match=r"'gru' is that of egams.models.recurrent.GruConfig"):
        library.register_model(Gru)
    with pytest.raises(ConfigError, match="Nameless has no kind"):
        library.register_model(Nameless)
    with pytest.raises(ConfigError, match="expected a subclass of NetworkSettings"):
        library.register_model(Linear)


@pytest.mark.parametrize("whole", [True, False], ids=["installed", "broken"])
def test_a_package_brings_its_models_along(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"flat_models_{whole}".lower()
    (tmp_path / f"{module}.py").write_text(MINE if whole else "import nothing_of_that_name")
    info = tmp_path / "flat_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[egams.models]\nflat = {module}:FlatConfig\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._load_entry_points.cache_clear()
    if whole:
        assert Experiment(name="x", model={"kind": "flat", "width": 9}).model.width == 9
    else:
        with pytest.raises(ConfigError, match=r"flat-models: its model 'flat'.*nothing_of_that"):
            Experiment(name="x", model={"kind": "flat"})


def documented_example() -> str:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    section = text.partition("## A model of your own")[2]
    return section.partition("```python\n")[2].partition("```")[0]


def test_a_module_of_one_s_own_joins_every_command(tmp_path: Path) -> None:
    """A model that nobody installed: trained by processes of their own."""
    module = tmp_path / "my_models.py"
    module.write_text(documented_example().partition("print(")[0], encoding="utf-8")
    settings = {"name": "mine", "model": {"kind": "means"}, "training": {"epochs": 1}}
    (tmp_path / "mine.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "json.py").write_text("")
    store, study, bundle = tmp_path / "s.store", tmp_path / "study", tmp_path / "my.bundle"
    library.prepare(labelled_runs(8, 0), store, jobs=1)
    train = ("cross-validate", store, "-o", study, "--experiment", tmp_path / "mine.json")
    train += ("--folds", 2, "--draws", 1, "--jobs", 2)
    for given, problem in {
        (): "no kind 'means' of model.*--import MODULE",
        ("--import", "no_such_module"): "ModuleNotFoundError: No module named 'no_such_module'",
        ("--import", tmp_path / "json.py"): "another module is called 'json'; rename the file",
    }.items():
        with pytest.raises(ConfigError, match=problem):
            invoke(*train, *given)
    for command in (
        train,
        ("zoo", tmp_path / "mine.json"),
        ("compare", study, "mine", "mine"),
        ("study", "oof", study, "-o", tmp_path / "oof.csv"),
        ("bundle", study, "-o", bundle),
    ):
        invoke(*command, "--import", module)
    assert library.load_bundle(bundle).ensemble.names == ("mine",)


def invoke(*arguments: object) -> None:
    CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
