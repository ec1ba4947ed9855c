"""Experiments by name: the table of egams, tables of one's own, recipes, costs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest
import torch

from command_line import ROOT
from egams.errors import ConfigError
from egams.experiments.experiment import Experiment
from egams.experiments.zoo import BUILT_IN, built_in, experiment_named, experiments_named
from egams.models.cnn import CnnConfig
from egams.models.cost import Cost, cost
from egams.models.network import NetworkSettings, Sizes
from egams.models.recurrent import GruConfig, LstmConfig
from egams.training.network.schedule import restarts
from egams.yaml_file import read_setting, read_yaml

AUTHOR = built_in().members("author")
SHIPPED = ROOT / "src/egams/shipped/manifest.json"
METHOD = {  # name: q, floor, unit_range, norm, mz_sigma, mix, baseline_prob
    "100_vis_tr_16_3_512_v0.5_ps8": (16, 1e-3, True, "max", 0.5, 0, 0),
    "111_cls3_seresnext50": (16, 1e-4, False, "max", 1, 0, 0),
    "113_cls3_seresnext50_sbg5_norm_m": (16, 1e-4, False, "band", 1, 0, 0.5),
    "120_lstm_1024_3_v0.5": (12, 1e-4, True, "max", 0.5, 0, 0),
    "130_gru": (12, 1e-4, True, "max", 0.5, 0, 0),
    "131_gru_mix0.25": (12, 1e-4, True, "max", 0.5, 0.25, 0),
    "132_gru_sbg5": (12, 1e-4, True, "max", 0.5, 0, 0.5),
    "140_vis_trans_1d": (12, 1e-4, True, "max", 0.5, 0, 0),
    "141_vis_trans_1d_v1": (12, 1e-4, True, "max", 1, 0, 0),
    "143_vis_trans_1d_v1_mix0.5": (12, 1e-4, True, "max", 1, 0.5, 0),
    "144_vis_trans_1d_norm_m": (12, 1e-4, True, "band", 0.5, 0, 0),
    "145_vis_trans_1d_norm_m_sbg5": (12, 1e-4, True, "band", 0.5, 0, 0.5),
    "150_dpn68b_v1": (16, 1e-4, False, "max", 1, 0, 0),
    "151_dpn68b_v1_mix0.25": (16, 1e-4, False, "max", 1, 0.25, 0),
    "160_cls3_resnet34": (16, 1e-4, False, "max", 1, 0, 0),
    "161_cls3_resnet34_mix0.25": (16, 1e-4, False, "max", 1, 0.25, 0),
    "162_cls3_resnet34_mix0.25_clip3": (16, 1e-3, False, "max", 1, 0.25, 0),
    "163_cls_resnet34_sbg5": (16, 1e-4, False, "max", 1, 0, 0.5),
    "164_cls_resnet34": (16, 1e-4, False, "max", 1, 0, 0),
    "165_cls_resnet34_mix0.25": (16, 1e-4, False, "max", 1, 0.25, 0),
    "166_cls_resnet34_mix0.25_clip3": (16, 1e-3, False, "max", 1, 0.25, 0),
    "167_cls_resnet34_norm_m": (16, 1e-4, False, "band", 1, 0, 0),
    "170_cls3_enet_b2": (16, 1e-4, False, "max", 1, 0, 0),
    "171_cls_enet_b2_mix0.25": (16, 1e-4, False, "max", 1, 0.25, 0),
    "172_cls_enet_b2_mix0.25_sbg5": (16, 1e-4, False, "max", 1, 0.25, 0.5),
    "173_cls_enet_b2": (16, 1e-4, False, "max", 1, 0, 0),
}
"""The table of the published code, written down a second time."""


@cache
def counted(model: str) -> Cost:
    """By JSON: equal models are counted once."""
    settings = json.loads(model)
    (kind,) = {type(experiment_named(name).model) for name in AUTHOR if
               experiment_named(name).model.kind == settings["kind"]}  # fmt: skip
    return cost(kind.model_validate(settings))


def test_the_author_s_experiments_see_what_he_showed_them() -> None:
    assert list(METHOD) == AUTHOR
    for name, expected in METHOD.items():
        for recipe in ("fast", "author"):
            seen = experiment_named(name, recipe).spectrogram
            given = (seen.reach, seen.floor, seen.unit_range, seen.norm, seen.mz_sigma)
            assert (*given, seen.mix, seen.baseline_prob) == expected, name
            assert not (seen.shift or seen.stretch)


def test_the_author_s_recipe_is_his() -> None:
    for name in AUTHOR:
        experiment = experiment_named(name, "author")
        training, number = experiment.training, int(name[:3])
        sgd = number in {111, 113, 150, 151, 164}
        rate = 1e-3 if sgd else 1e-4 if number >= 160 else 5e-5
        assert (training.optimiser, training.learning_rate) == ("sgd" if sgd else "adamw", rate)
        assert training.epochs == (1500 if number == 113 else 1100)
        assert training.batch_size == (16 if 140 <= number < 150 else 8)
        assert training.clip_norm == (32 if number == 150 else 64)
        assert (training.schedule, training.average) == ("restarts", "none")
        assert (training.loss, training.smoothing, training.label_sets) == ("bce", 0.001, 0)
        assert (experiment.recipe, experiment.evidence, experiment.sam_like) == ("author", False, 0)
    assert restarts(1099) > 0


def test_the_author_s_models_have_his_sizes() -> None:
    """Parameters by hand, or as timm has them with its own classifier."""
    import timm

    steps, layer = 80, {"lstm": 4, "gru": 3}
    for name in AUTHOR:
        model = experiment_named(name).model
        assert isinstance(model, NetworkSettings)
        assert model.context_width == model.mz_dropout == 0
        found = counted(model.model_dump_json())
        if isinstance(model, LstmConfig | GruConfig):
            inputs, H = [101, 2048, 2048], 1024
            matrices = sum(2 * layer[model.kind] * H * (size + H) for size in inputs)
            biases = 3 * 2 * layer[model.kind] * H * 2
            assert found.parameters == matrices + biases + 2 * H * 10 + 10
            assert found.macs == steps * matrices + 2 * H * 10
        elif isinstance(model, CnnConfig):
            channels = 3 if model.coordinates else 1
            with torch.device("meta"):
                plain = timm.create_model(model.backbone, in_chans=channels, num_classes=10)
            expected = sum(parameter.numel() for parameter in plain.parameters())
            more = 0 if model.coordinates else plain.num_features * 10  # the maximum's share
            assert found.parameters == expected + more, name
            assert model.coordinates == ("cls3" in name)
            assert model.pretrained == "auto"
        else:
            W, tokens = (512, 1000) if model.kind == "vit" else (1024, 80)
            block = 4 * W * W + 4 * W + 8 * W * W + 5 * W + 4 * W
            embed = 8 * 256 * W + W if model.kind == "vit" else 101 * W + W
            rest = (tokens + 1) * W + W + 2 * W + 10 * W + 10
            assert found.parameters == embed + 3 * block + rest, name
            attention = 3 * 2 * (tokens + 1) ** 2 * W
            projected = 0 if model.kind == "vit" else tokens * 101 * W
            assert found.macs == projected + 3 * 12 * W * W * (tokens + 1) + attention + 10 * W


def test_a_recurrent_network_costs_what_its_steps_do() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = LstmConfig(hidden=8, depth=2)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        config.build(Sizes())(torch.empty(1, 100, 80), torch.empty(1, Sizes().context))
    assert cost(config).macs == counter.get_total_flops() // 2


def test_shipped_members_are_what_the_table_says() -> None:
    members = json.loads(SHIPPED.read_text(encoding="utf-8"))["members"]
    for member in members:
        settings = member.get("experiment", member)
        shipped = Experiment.model_validate(settings)
        assert shipped == experiment_named(shipped.name)
        known = experiment_named(shipped.name).model_dump(mode="json")
        for key, value in settings.items():
            said = (
                {name: known[key][name] for name in value}
                if isinstance(value, dict)
                else known[key]
            )
            assert said == value, key
    assert members


def test_every_row_survives_json() -> None:
    for experiment in experiments_named("*"):
        assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    assert set(experiments_named("*")[0].model_dump()) >= {"model", "recipe"}


def test_names_sets_patterns_each_once() -> None:
    names = [each.name for each in experiments_named(["130_gru", "13?_*", "compact", "lightgbm"])]
    assert names == ["130_gru", "131_gru_mix0.25", "132_gru_sbg5", *built_in().members("compact")]


MINE = """
families:
  mine: {model: {kind: gru, hidden: 16}, fast: {epochs: 3}}
experiments:
  mine_band: {family: mine, spectrogram: {norm: band, unit_range: yes, floor: 1e-3}}
  100_5: {family: resnet34, model: {pretrained: no}, author: {epochs: 9}}
  alone: {model: {kind: conv1d, dilations: [1, 2]}, training: {epochs: 4}, seed: 3}
"""


def test_a_table_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    band, narrow, alone = experiments_named(str(path))
    assert band.model == GruConfig(hidden=16)
    assert (band.training.epochs, band.spectrogram.norm, band.spectrogram.floor) == (
        3,
        "band",
        1e-3,
    )
    assert (narrow.name, narrow.model.pretrained, narrow.model.backbone) == (
        "100_5",
        "no",
        "resnet34",
    )
    assert (alone.model.dilations, alone.training.epochs, alone.seed) == ((1, 2), 4, 3)
    with pytest.raises(ConfigError, match="'mine_band' has no recipe of the author's"):
        experiments_named(str(path), "author")
    as_json = tmp_path / "one.json"
    as_json.write_text(alone.model_dump_json(), encoding="utf-8")
    assert experiments_named([str(as_json), "neighbours"]) == [
        alone,
        experiment_named("neighbours"),
    ]


WRONG = {
    "experiments: {x: {family: resnet43}}": r"'x': no family 'resnet43'. Did you mean 'resnet34'\?",
    "experiments: {x: {family: gru, trainin: {}}}": r"x.trainin'.*Did you mean 'training'\?",
    "experiments: {x: {family: gru, fast: {epoch: 3}}}": r"training.epoch'.*'training.epochs'\?",
    "experiments: {x: {family: gru, model: {hiden: 3}}}": r"'model.hiden'.*mean 'model.hidden'\?",
    "experiments: {x: {model: {kind: grru}}}": r"'x'.*no kind 'grru'.*Did you mean 'gru'\?",
    "experiments: {x: {family: gru, author: {epochs: 0}}}": "'x'.*training.epochs'.*greater",
    "experiments: {x: {family: vit, spectrogram: {unit_range: false}}}": "'x'.*from 0 to 1",
    "experiments: {x: {family: vit, model: {heads: 7}}}": "'x'.*does not divide into 7 heads",
    "experiments: {x: {family: gru}, x: {family: lstm}}": 'line 1.*duplicate key "x"',
    "experiments: {130_gru: {family: gru}}": "'130_gru' is one of egams itself",
    "families: {gru: {}}\nexperiments: {}": "family 'gru' is one of egams itself",
    "experiments: {x: {family: gru}}\nsets: {all: [y]}": "set 'all': no experiment 'y'",
    "experiments: [": "line 1: is no YAML",
    "experiments: !!python/name:os.system ''": "line 1: is no YAML.*constructor",
    "experiments: !!int ''": "is no YAML",
    "experiments: " + "{a: " * 2000: "is nested too deeply",
    "experiments: {x: {model: {kind: &a [*a]}}}": "'x'.*names no kind of model",
    "- 1": "mine.yaml",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:60])
def test_a_wrong_table_is_refused_with_file_row_and_what_was_meant(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=f"(?s)mine.yaml.*{WRONG[text]}" if text != "- 1" else WRONG[text]
    ):
        experiments_named(str(path))


def test_unknown_names_and_recipes_are_refused() -> None:
    for names, recipe, said in (
        (["lightgmb"], "fast", r"Did you mean 'lightgbm'\?"),
        (["99?_*"], "fast", "no experiment is like"),
        (["compact"], "author", "'neighbours' has no recipe of the author's"),
        (["130_gru"], "slow", "no recipe 'slow'; expected fast or author"),
        (["nowhere.yaml"], "fast", "nowhere.yaml: cannot be read"),
    ):
        with pytest.raises(ConfigError, match=said):
            experiments_named(names, recipe)
    assert BUILT_IN.is_file()


def test_a_table_of_very_many_rows_is_read_or_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    rows = [f"key_{i}: 1e-{i % 9}\n" for i in range(20_000)]
    path.write_text("".join(rows[:5000]), encoding="utf-8")
    begun = perf_counter()
    assert len(read_yaml(path)) == 5000
    path.write_text("".join(rows), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"many.yaml: has \d+ characters; expected at most"):
        read_yaml(path)
    assert perf_counter() - begun < 8


def test_settings_change_by_their_dotted_names() -> None:
    given = ("training.epochs=3", "model.kind=gru", "spectrogram.floor=1e-3", "name=mine")
    base = experiment_named("130_gru")
    changed = base.with_settings(dict(read_setting(each) for each in given))
    assert (changed.name, changed.training.epochs, changed.spectrogram.floor) == ("mine", 3, 1e-3)
    assert changed.flat().items() - base.flat().items() == {
        *(("name", "mine"), ("training.epochs", 3), ("spectrogram.floor", 1e-3))
    }
    for given, said in {
        "training.lr=1": r"'training.lr'.*Did you mean 'training.learning_rate'\?",
        "training.bs=1": r"Did you mean 'training.batch_size'\?",
        "wd=1": r"Did you mean 'training.weight_decay'\?",
        "epochs=1": r"Did you mean 'training.epochs'\?",
        "model.hiden=3": r"Did you mean 'model.hidden'\?",
        "model.trees=3": r"'model.trees': there is no such key. Models of other kinds have it",
        "model.foo=3": r"there is no such key\.$",
        "name=ensemble": "a study calls something else so",
        "name=fold-0.neighbours": "a study calls something else so",
        "name=manifest.json": "a study calls something else so",
        "training.epochs=many": "'training.epochs'.*integer",
        "training.epochs.x=1": "'epochs' is one value",
        "training.epochs": "is no setting; expected KEY=VALUE",
        "training.epochs=[": "is no YAML",
    }.items():
        with pytest.raises(ConfigError, match=said):
            base.with_settings(dict([read_setting(given)]))


def test_settings_that_have_no_part_in_a_training_are_known() -> None:
    networks, trees, near = map(experiment_named, ("130_gru", "lightgbm", "neighbours"))
    for key, ignored_by in {
        "training.epochs": (trees, near),
        "spectrogram.norm": (near,),
        "missing": (near,),
        "seed": (near,),
        "model.kind": (),
        "name": (),
    }.items():
        for experiment in (networks, trees, near):
            assert experiment.ignores(key) == (experiment in ignored_by), (key, experiment.name)
