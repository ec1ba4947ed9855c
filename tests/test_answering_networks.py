"""Networks that answer without torch: as torch does, and nothing that is not theirs is read."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.models.answering_network import AnsweringNetwork
from egams.models.conv1d import Conv1dConfig
from egams.models.conv1d_numpy import Conv1dInNumpy, gelu
from egams.models.network import NetworkSettings, Sizes
from egams.models.onnx_export import export_network
from egams.models.onnx_guard import refuse_more_than_a_graph
from egams.models.onnx_network import NETWORK
from egams.models.predict import predict_draws
from egams.models.registry import load_predictor, registered
from egams.models.trained_network import NetworkPredictor
from egams.models.weights import WEIGHTS
from egams.simulate import simulate_runs
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.resident import ResidentRuns
from egams.store.prepare import prepare
from egams.training.train import train_experiment
from training_samples import MODELS, SIMULATION, kind_of, small

onnx = pytest.importorskip("onnx", reason='ONNX files need pip install "egams[onboard]"')

TRAINED_ON, COMPARED = 30, 40
CLOSE = 1e-5


@lru_cache
def runs() -> ResidentRuns:
    made = simulate_runs(COMPARED, np.random.default_rng(11), config=SIMULATION)
    return ResidentRuns.load(prepare(made, jobs=1))


def files_in(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def trained(kind: type, learns: str) -> tuple[Experiment, Any]:
    everything = learns == "everything"
    experiment = Experiment(
        name=f"{kind_of(kind)}-{learns}",
        model=small(kind),
        spectrogram=SpectrogramConfig(norm="all" if everything else "max", mz_sigma=0.5),
        evidence=everything,
        training=TrainingConfig(
            epochs=12, batch_size=8, learning_rate=1e-2, label_sets=float(everything)
        ),
    )
    on_torch = runs().to("cpu")
    return experiment, train_experiment(experiment, on_torch, np.arange(TRAINED_ON), 0)


CASES = [
    *((kind, "plain") for kind in MODELS),
    *((registered()[kind].settings, "everything") for kind in ("conv1d", "vit1d")),
]


@pytest.mark.parametrize(
    ("kind", "learns"), CASES, ids=[f"{kind_of(kind)}-{learns}" for kind, learns in CASES]
)
def test_what_is_loaded_answers_as_what_was_trained(
    kind: type, learns: str, tmp_path: Path
) -> None:
    experiment, predictor = trained(kind, learns)
    predictor.save(tmp_path)
    if registered()[kind_of(kind)].answers_in_onnx:
        network = NetworkPredictor.load(files_in(tmp_path), experiment.model)
        export_network(network, tmp_path / NETWORK, experiment.name)
    loaded = load_predictor(files_in(tmp_path), experiment.model)
    if isinstance(experiment.model, NetworkSettings):
        assert isinstance(getattr(loaded, "predictor", loaded), AnsweringNetwork)
    first, second = (
        predict_draws([each], runs(), np.arange(COMPARED), experiment.spectrogram, 2, (3,))
        for each in (predictor, loaded)
    )
    assert np.ptp(first, axis=2).max() > 0.1, "it says the same of every run"
    np.testing.assert_allclose(second, first, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 1},
        {"stride": 3, "dilations": (2,)},
        {"stride": 100, "dilations": ()},
        {"dilations": (1, 50), "context_width": 0},
    ],
    ids=str,
)
def test_conv1d_in_numpy_is_the_network_at_any_settings(settings: dict[str, Any]) -> None:
    config, sizes = Conv1dConfig(width=16, **settings), Sizes(rows=5)
    torch.manual_seed(0)
    network = config.build(sizes).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    weights = {name: each.numpy() for name, each in network.state_dict().items()}
    spectrogram, context = torch.randn(40, 5, 80) + 3, torch.randn(40, sizes.context)
    with torch.no_grad():
        expected = network(spectrogram, context).numpy()
    found = Conv1dInNumpy(config, sizes, weights)(spectrogram.numpy(), context.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


def test_gelu_is_that_of_torch() -> None:
    values = np.linspace(-40, 40, 4001, dtype=np.float32)
    expected = torch.nn.functional.gelu(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(gelu(values), expected, atol=1e-6, rtol=1e-6)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    network = NetworkPredictor(small(Conv1dConfig).build(Sizes()), Sizes())
    network.save(tmp_path)
    return tmp_path


def test_on_another_device_torch_computes_the_same_weights(saved: Path) -> None:
    loaded = load_predictor(files_in(saved), small(Conv1dConfig))
    assert loaded.on("cpu") is loaded
    moved = loaded.on("meta")
    assert isinstance(moved, NetworkPredictor)
    assert {each.device.type for each in moved.network.parameters()} == {"meta"}


SIZES = '{"rows": 100, "context": 206, "outputs": 10}'
WRONG = {
    "lost": (lambda w: w.pop("stem.bias"), SIZES, "'stem.bias' is missing"),
    "more": (lambda w: w.update(mine=w["stem.bias"]), SIZES, "'mine' is missing, or too many"),
    "shape": (lambda w: w.update({"stem.bias": w["stem.bias"][:-1]}), SIZES, r"\[31\]; expected"),
    "type": (lambda w: w.update({"stem.bias": w["stem.bias"].astype("f8")}), SIZES, "is F64"),
    "not finite": (lambda w: w["stem.weight"].fill(np.nan), SIZES, "'stem.weight' holds numbers"),
    "hostile sizes": (lambda w: None, SIZES.replace("100", str(10**15)), "1000000000000001"),
    "no number": (lambda w: None, SIZES.replace("100", '"a"'), "rows"),
}


@pytest.mark.parametrize(("damage", "sizes", "says"), WRONG.values(), ids=WRONG)
def test_weights_that_are_not_those_of_the_settings_are_refused(
    damage: Any, sizes: str, says: str, saved: Path
) -> None:
    weights = {name: each.copy() for name, each in load_file(saved / WEIGHTS).items()}
    damage(weights)
    save_file(weights, saved / WEIGHTS, {"sizes": sizes})
    with pytest.raises(ArtifactError, match=f"(?s){says}"):
        load_predictor(files_in(saved), small(Conv1dConfig))


class Whimsical(NetworkSettings):
    """Answers otherwise once it is exported."""

    kind: str = "whimsical"

    def build(self, sizes: Sizes) -> torch.nn.Module:
        return Whim(sizes)


class Whim(torch.nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(sizes.rows, sizes.outputs)

    def forward(self, spectrogram: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        logits = self.linear(spectrogram.mean(2))
        return logits + 0.01 if torch.compiler.is_exporting() else logits


def test_a_graph_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    network = NetworkPredictor(Whimsical().build(Sizes()), Sizes())
    with pytest.raises(ConfigError, match=r"mine: .* up to 0.002\d apart.*expected at most 1e-05"):
        export_network(network, tmp_path / NETWORK, "mine")


class Counting(Whim):
    def forward(self, spectrogram: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        return self.linear(spectrogram.mean(2)).reshape(len(spectrogram), -1)


def test_a_graph_of_so_many_runs_only_is_refused_with_the_remedy(tmp_path: Path) -> None:
    network = NetworkPredictor(Counting(Sizes()), Sizes())
    with pytest.raises(ConfigError, match=r"mine: .* 2 runs at a time.*x\.shape\[0\]"):
        export_network(network, tmp_path / NETWORK, "mine")


def test_without_onnx_runtime_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NETWORK).write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    gru = registered()["gru"].settings
    with pytest.raises(ConfigError, match=r'bundle\'s gru needs .* pip install "egams\[onnx\]"'):
        load_predictor(files_in(tmp_path), small(gru))


def graph(*, domain: str = "", inner_domain: str = "", external: bool = False) -> Any:
    """A model with a constant in a branch of a condition: two graphs, one within the other."""
    helper = onnx.helper
    tensor = helper.make_tensor("value", 1, [len(FAMILIES)], np.ones(len(FAMILIES), "f4"))
    if external:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
    out = helper.make_tensor_value_info("out", 1, [len(FAMILIES)])
    constant = helper.make_node("Constant", [], ["out"], value=tensor, domain=inner_domain)
    branch = helper.make_graph([constant], "branch", [], [out])
    chosen = helper.make_node(
        "If", ["yes"], ["probability"], then_branch=branch, else_branch=branch, domain=domain
    )
    given = helper.make_tensor_value_info("yes", 9, [])
    told = helper.make_tensor_value_info("probability", 1, [len(FAMILIES)])
    whole = helper.make_graph([chosen], "whole", [given], [told])
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)])


def with_function() -> Any:
    model = graph()
    model.functions.add(name="mine", domain="mine")
    return model


REFUSED = {
    "operators of others": (graph(domain="mine"), "not of the standard"),
    "operators of others within": (graph(inner_domain="com.microsoft"), "not of the standard"),
    "data elsewhere": (graph(external=True), "another file"),
    "functions": (with_function(), "a function"),
}


@pytest.mark.parametrize(("model", "says"), REFUSED.values(), ids=REFUSED)
def test_more_than_a_graph_of_standard_operators_is_refused(
    model: Any, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=says):
        refuse_more_than_a_graph(model.SerializeToString())
    (tmp_path / NETWORK).write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactError, match=says):
        load_predictor(files_in(tmp_path), small(registered()["gru"].settings))


def test_graphs_of_others_than_ours_are_refused(tmp_path: Path) -> None:
    whole = graph().SerializeToString()
    refuse_more_than_a_graph(whole)
    (tmp_path / NETWORK).write_bytes(whole)
    with pytest.raises(ArtifactError, match="other inputs and outputs: yes, probability"):
        load_predictor(files_in(tmp_path), small(registered()["gru"].settings))


@given(st.data())
def test_bytes_that_are_no_graph_are_refused_or_harmless(data: st.DataObject) -> None:
    whole = graph(external=True).SerializeToString()
    first, last = sorted(data.draw(st.tuples(*2 * [st.integers(0, len(whole))])))
    for model in (whole[:last], whole[:first] + data.draw(st.binary()) + whole[last:]):
        with suppress(ValueError):
            refuse_more_than_a_graph(model)


def test_a_tag_that_native_code_would_cut_short_is_refused() -> None:
    graph_of_32_bits = bytes([0x80 | (7 << 3 | 2), 0x80, 0x80, 0x80, 0x10, 0])
    with pytest.raises(ValueError, match="no ONNX model"):
        refuse_more_than_a_graph(graph_of_32_bits)
