"""What every model in the registry promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egams.conventions import MZ_COUNT
from egams.errors import ArtifactError, ConfigError
from egams.experiments.experiment import Experiment
from egams.experiments.training_config import TrainingConfig
from egams.families import FAMILIES
from egams.logloss import mean_log_loss
from egams.models.label_sets import label_sets_of
from egams.models.layers import DropMz
from egams.models.neighbours import NeighboursConfig
from egams.models.network import Sizes
from egams.models.predict import predict_draws
from egams.models.predictor import NEIGHBOURS
from egams.models.registry import load_predictor
from egams.models.trained_network import NetworkPredictor
from egams.models.trees import CatboostConfig, LightgbmConfig
from egams.spectrogram.coarse import coarse_runs
from egams.spectrogram.config import SpectrogramConfig
from egams.spectrogram.context import CONTEXT_FEATURES
from egams.spectrogram.draw import draw_each, windows
from egams.training.model_contract import KEPT, PROMISES, check_model
from egams.training.neighbours import fit_neighbours
from egams.training.train import train_experiment
from training_samples import MODELS, NETWORKS, batch, kind_of, resident, small, store

networks = pytest.mark.parametrize("kind", NETWORKS, ids=kind_of)
models = pytest.mark.parametrize("kind", MODELS, ids=kind_of)

CALM = SpectrogramConfig(mz_sigma=0.0)
MEMORISED = 20


def network(
    kind: type, seed: int = 0, sizes: Sizes | None = None, **changes: Any
) -> torch.nn.Module:
    torch.manual_seed(seed)
    return small(kind, **changes).build(sizes or Sizes())


# One network and the trees stand for all in what concerns evidence, one network for label sets and
# for what all trained networks have in common.
EVIDENT = [NETWORKS[0], LightgbmConfig, CatboostConfig]
CASES = [
    *((kind, "plain") for kind in MODELS if kind not in NETWORKS[1:]),
    *((kind, "evidence") for kind in EVIDENT),
    (NETWORKS[0], "label_sets"),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{kind_of(case[0])}-{case[1]}")
def trained(request: pytest.FixtureRequest) -> tuple[Experiment, Any]:
    """A model of each kind, trained for a few seconds on 20 runs."""
    kind, learns = request.param
    label_sets = learns == "label_sets"
    experiment = Experiment(
        name="memory",
        model=small(kind),
        spectrogram=CALM.model_copy(update={"norm": "all"}) if label_sets else CALM,
        evidence=learns == "evidence",
        training=TrainingConfig(
            epochs=110,
            batch_size=20,
            learning_rate=2e-2,
            smoothing=0.0,
            average="none",
            label_sets=1.0 if label_sets else 0.0,
        ),
    )
    positions = np.arange(MEMORISED)
    return experiment, train_experiment(experiment, resident(), positions, 0)


@networks
def test_every_network_keeps_the_public_contract(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PROMISES, "ONNX can be made of it")  # tests/test_answering_networks.py
    assert set(check_model(small(kind)).values()) == {KEPT}


def seen(model: torch.nn.Module, spectrogram: torch.Tensor, context: torch.Tensor, axis: int):
    """Which rows, or columns, of a spectrogram ``[1, row, temperature]`` the outputs depend on."""
    places = spectrogram.shape[axis]
    copies = spectrogram.repeat(places, 1, 1)
    changed, other = copies.clone(), torch.rand(spectrogram.shape[1:])
    for place in range(places):
        at = (slice(None),) * (axis - 1) + (place,)
        changed[place][at] = other[at]
    contexts = context.repeat(places, 1)
    with torch.no_grad():  # at equal places of equal batches rounding is equal too
        return (model(changed, contexts) != model(copies, contexts)).any(1)


@networks
def test_every_m_z_of_all_normalisations_every_temperature_and_the_context_count(
    kind: type,
) -> None:
    sizes = Sizes(rows=3 * MZ_COUNT, outputs=len(FAMILIES) + 7)
    model = network(kind, sizes=sizes).eval()
    spectrogram, context = batch(1, norm="all")
    assert seen(model, spectrogram, context, 1).all(), "an m/z is not looked at"
    assert seen(model, spectrogram, context, 2).all(), "a temperature is not looked at"
    assert not torch.equal(model(spectrogram, context), model(spectrogram, context + 1))


@networks
def test_every_network_with_label_sets_loads_as_it_was_saved(kind: type, tmp_path: Path) -> None:
    label_sets = label_sets_of(resident().labels)
    sizes = Sizes(rows=3 * MZ_COUNT, outputs=len(FAMILIES) + len(label_sets))
    predictor = NetworkPredictor(network(kind, sizes=sizes), sizes, label_sets)
    predictor.save(tmp_path)
    loaded = load_predictor(files_in(tmp_path), small(kind))
    given = as_arrays(batch(4, norm="all"))
    answers = predictor.probabilities(*given)
    np.testing.assert_allclose(loaded.probabilities(*given), answers, rtol=0, atol=1e-6)


@networks
def test_prediction_is_deterministic_and_draws_no_random_number(kind: type) -> None:
    model = network(kind, dropout=0.5, mz_dropout=0.5).eval()
    state = torch.get_rng_state()
    assert torch.equal(model(*batch()), model(*batch()))
    assert torch.equal(torch.get_rng_state(), state)


@networks
@pytest.mark.parametrize("setting", ["dropout", "mz_dropout"])
def test_training_drops_out_at_random(kind: type, setting: str) -> None:
    if setting not in kind.model_fields:
        pytest.skip(f"{kind_of(kind)} has no {setting}")
    model = network(kind, **{setting: 0.5})
    given = []
    for each in (network(kind), model):  # of equal weights
        torch.manual_seed(0)
        given.append(each.train()(*batch(4)))
    assert not torch.allclose(*given, atol=1e-4)


def test_silenced_m_z_fall_to_the_lowest_value() -> None:
    silence, spectrogram = DropMz(0.5).train(), torch.rand(6, 100, 80)
    dropped = silence(spectrogram)
    silenced = (dropped != spectrogram).any(2)
    assert 0.3 < silenced.float().mean() < 0.7
    assert not (silenced == silenced[:1]).all(), "the same m/z in every run"
    lowest = spectrogram.amin((1, 2))
    for run in range(6):
        assert torch.equal(dropped[run][silenced[run]].unique(), lowest[run : run + 1]), (
            "not the floor"
        )
    assert torch.equal(silence.eval()(spectrogram), spectrogram)


@networks
def test_layout_in_memory_does_not_matter(kind: type) -> None:
    model = network(kind).eval()
    spectrogram, context = batch(4)
    assert not spectrogram.is_contiguous()  # rendered as [run, temperature, m/z]
    view = model(spectrogram, context)
    torch.testing.assert_close(model(spectrogram.contiguous(), context), view, rtol=1e-4, atol=1e-5)


@networks
def test_input_is_left_as_it_was(kind: type) -> None:
    spectrogram, context = batch(4)
    before = spectrogram.clone(), context.clone()
    network(kind, mz_dropout=0.5).train()(spectrogram, context)
    assert torch.equal(spectrogram, before[0])
    assert torch.equal(context, before[1])


@networks
def test_context_can_be_left_out(kind: type) -> None:
    model = network(kind, context_width=0).eval()
    spectrogram, context = batch(4)
    other = torch.rand(4, CONTEXT_FEATURES)
    assert torch.equal(model(spectrogram, context), model(spectrogram, other))
    assert not torch.equal(
        network(kind).eval()(spectrogram, context), network(kind)(spectrogram, other)
    )


@networks
def test_same_seed_same_first_weights(kind: type) -> None:
    first, again, other = (network(kind, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@networks
def test_loading_leaves_global_randomness_alone(kind: type, tmp_path: Path) -> None:
    NetworkPredictor(network(kind), Sizes()).save(tmp_path)
    state = torch.get_rng_state()
    load_predictor(files_in(tmp_path), small(kind))
    assert torch.equal(torch.get_rng_state(), state)


@models
def test_configuration_survives_json_and_refuses_unknown_keys(kind: type) -> None:
    config = small(kind)
    assert kind.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="Extra inputs"):
        kind(no_such_setting=1)


def test_every_kind_has_its_own_name() -> None:
    assert len({kind_of(kind) for kind in MODELS}) == len(MODELS)
    assert set(NETWORKS) <= set(MODELS)


def test_memorises_twenty_runs(trained: tuple[Experiment, Any]) -> None:
    experiment, predictor = trained
    positions = np.arange(MEMORISED)
    evidence = None
    if experiment.evidence:  # as in training, where a run hears the others alone
        _, from_others = fit_neighbours(NeighboursConfig(), resident(), positions)
        evidence = {predictor.neighbours: from_others}
    (given,) = predict_draws(
        [predictor], resident(), positions, experiment.spectrogram, 4, (1,), evidence=evidence
    )
    labels = store().labels[:MEMORISED]
    # Neighbours judge by resemblance and are kept from certainty: they do better than the rates.
    rates = mean_log_loss(labels, np.broadcast_to(labels.mean(0), labels.shape))
    enough = rates if experiment.model.kind == "neighbours" else 0.05
    assert mean_log_loss(labels, given.mean(0)) < enough


def as_arrays(tensors: tuple[torch.Tensor, ...]) -> tuple[np.ndarray, ...]:
    return tuple(each.numpy() for each in tensors)


def judged(trained: tuple[Experiment, Any], size: int = 8) -> np.ndarray:
    """Probabilities of the first runs; the context as `predict_draws` shows it."""
    experiment, predictor = trained
    spectrogram, context = as_arrays(batch(size, norm=experiment.spectrogram.norm))
    if predictor.neighbours is not None:
        coarse = coarse_runs(resident(), np.arange(size))
        context = np.concatenate([context, predictor.neighbours.evidence(coarse)], 1)
    return predictor.probabilities(spectrogram, context)


def files_in(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def test_probabilities_are_probabilities(trained: tuple[Experiment, Any]) -> None:
    given = judged(trained)
    assert given.shape == (8, len(FAMILIES))
    assert given.dtype == np.float32
    assert bool(((given >= 0) & (given <= 1)).all())


def test_saved_and_loaded_it_predicts_the_same(
    trained: tuple[Experiment, Any], tmp_path: Path
) -> None:
    experiment, predictor = trained
    predictor.save(tmp_path)
    loaded = load_predictor(files_in(tmp_path), experiment.model)
    np.testing.assert_allclose(judged((experiment, loaded)), judged(trained), rtol=0, atol=1e-6)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".safetensors"}


def test_damaged_or_missing_weights_are_named(
    trained: tuple[Experiment, Any], tmp_path: Path
) -> None:
    experiment, predictor = trained
    predictor.save(tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:100])
        with pytest.raises(ArtifactError, match=r"(?s)cannot be read .*again") as told:
            load_predictor(files_in(tmp_path), experiment.model)
        assert str(tmp_path) in str(told.value)
        file.unlink()
        # Boosters notice when they predict: the evidence they were trained with is not there.
        if file.name != NEIGHBOURS or experiment.model.kind not in {"lightgbm", "catboost"}:
            with pytest.raises(ArtifactError, match="cannot be read"):
                load_predictor(files_in(tmp_path), experiment.model)
        file.write_bytes(whole)


def test_a_family_never_seen_is_unlikely_not_impossible(trained: tuple[Experiment, Any]) -> None:
    experiment, _ = trained
    runs = resident()
    rows = np.flatnonzero(store().labels[:, 0] == 0)[:12]
    brief = experiment.shortened(0.1)
    predictor = train_experiment(brief, runs, rows, 0)
    given = judged((brief, predictor))[:, 0]
    assert bool(((given > 0) & (given < 0.5)).all())


def test_draws_of_a_run_do_not_depend_on_its_company(trained: tuple[Experiment, Any]) -> None:
    experiment, predictor = trained
    spectrogram = experiment.spectrogram.model_copy(update={"mz_sigma": 1.0, "baseline_prob": 0.5})

    def given(positions: list[int], **settings: int) -> np.ndarray:
        return predict_draws(
            [predictor], resident(), np.array(positions), spectrogram, 3, (5,), **settings
        )[0]

    together = given([0, 1, 2, 3, 4])
    np.testing.assert_allclose(given([3, 1]), together[:, [3, 1]], atol=1e-5)
    np.testing.assert_allclose(given([0, 1, 2, 3, 4], batch_size=1), together, atol=1e-5)
    if experiment.model.kind != "neighbours":
        assert not np.allclose(together[0], together[1], atol=1e-4), "draws are all the same"


def test_every_run_has_draws_of_its_own() -> None:
    config, runs = SpectrogramConfig(mz_sigma=0.5), resident()
    drawn = draw_each(runs, windows(runs, config), np.array([4, 2]), config, 3, (0,))
    assert drawn.run.tolist() == [4, 4, 4, 2, 2, 2]
    assert len(np.unique(drawn.mz_scale[:, 0])) == 6
    again = draw_each(runs, windows(runs, config), np.array([2]), config, 3, (0,))
    assert np.array_equal(again.mz_scale, drawn.mz_scale[3:])
    assert np.array_equal(again.scan, drawn.scan[3:])
    other = draw_each(runs, windows(runs, config), np.array([2]), config, 3, (1,))
    assert not np.array_equal(other.mz_scale, again.mz_scale)


def test_no_draws_is_refused(trained: tuple[Experiment, Any]) -> None:
    experiment, predictor = trained
    with pytest.raises(ConfigError, match="0 test-time draws"):
        predict_draws([predictor], resident(), np.arange(2), experiment.spectrogram, 0, (1,))
