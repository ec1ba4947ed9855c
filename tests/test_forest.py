"""Trees as flat arrays: as LightGBM and CatBoost sum them, and nothing unsound is ever walked.

What walks trees is tested with each kernel, and kernels must agree to the last bit.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from egams.errors import ArtifactError, ConfigError
from egams.kernel import KERNEL, NUMPY, compiled, kernels
from egams.models.forest import DEEPEST, FORM, Forest
from egams.training.forests import from_catboost, from_lightgbm, rounded_down

FEATURES, FAMILIES = 40, 3
MUTATED = 1500  # of the bytes of a file, and as many of its arrays

of_each_kernel = pytest.mark.parametrize("kernel", kernels())


def table(rows: int, seed: int = 0) -> np.ndarray:
    """Half of the features take few values, so that rows lie exactly on thresholds."""
    found = np.random.default_rng(seed).normal(size=(rows, FEATURES)).astype(np.float32)
    found[:, ::2] = np.round(found[:, ::2], 1)
    return found


def targets(data: np.ndarray) -> np.ndarray:
    return (data[:, :FAMILIES] + data[:, 3:4] * data[:, 4 : 4 + FAMILIES] > 0).astype(float)


@lru_cache
def boosters(**settings: Any) -> tuple[lightgbm.Booster, ...]:
    data = table(400, 1)
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, **settings}
    return tuple(
        lightgbm.train(settings, lightgbm.Dataset(data, label=target), 30)
        for target in targets(data).T
    )


def converted(given: tuple[lightgbm.Booster, ...]) -> Forest:
    return from_lightgbm([booster.model_to_string() for booster in given])


@lru_cache
def small() -> Forest:
    return converted(boosters(num_leaves=5))


def arrays_of(forest: Forest) -> dict[str, np.ndarray]:
    return {field.name: getattr(forest, field.name) for field in fields(forest)}


def walked(forest: Forest, rows: np.ndarray) -> np.ndarray:
    """Sums by the definition, one row and one tree at a time."""
    logits = np.tile(np.zeros_like(forest.start), (len(rows), 1))
    first_leaf = np.cumsum(forest.leaves) - forest.leaves
    first_node = first_leaf - np.arange(len(forest.leaves))
    for number, row in enumerate(rows):
        for tree, family in enumerate(forest.family):
            at = 0 if forest.leaves[tree] > 1 else -1
            while at >= 0:
                node = first_node[tree] + at
                left = row[forest.feature[node]] <= forest.threshold[node]
                at = forest.left[node] if left else forest.right[node]
            value = forest.value[first_leaf[tree] - 1 - at]
            logits[number, family : family + len(value)] += value
    return forest.start + logits


@given(
    st.floats(allow_nan=False),
    st.one_of(st.just(0), st.integers(-2, 2)),
    st.floats(width=32, allow_nan=False),
)
def test_a_threshold_rounded_down_decides_as_before(threshold, steps, other):
    rounded = rounded_down(np.array([threshold]))[0]
    with np.errstate(over="ignore"):
        near = [rounded, np.nextafter(rounded, np.float32(np.inf)), np.float32(other)]
        near.append(np.float32(threshold))
        for _ in range(abs(steps)):
            near[-1] = np.nextafter(near[-1], np.float32(np.copysign(np.inf, steps)))
    for x in near:
        assert (float(x) <= threshold) == bool(x <= rounded), x


@of_each_kernel
@pytest.mark.parametrize("leaves", [2, 8, 31])
def test_logits_are_those_of_lightgbm(kernel, leaves, monkeypatch):
    monkeypatch.setenv(KERNEL, kernel)
    grown, rows = boosters(num_leaves=leaves), table(50)
    expected = [booster.predict(rows, raw_score=True, num_threads=1) for booster in grown]
    np.testing.assert_allclose(converted(grown).logits(rows).T, expected, rtol=0, atol=1e-9)


@of_each_kernel
@pytest.mark.parametrize("depth", [1, 4])
def test_logits_are_those_of_catboost(kernel, depth, monkeypatch, tmp_path):
    monkeypatch.setenv(KERNEL, kernel)
    data, rows = table(400, 1), table(50)
    settings = {"loss_function": "MultiLogloss", "iterations": 30, "depth": depth}
    model = catboost.CatBoost({**settings, "allow_writing_files": False, "verbose": False})
    model.fit(data, targets(data))
    model.set_scale_and_bias(0.7, [0.1, -0.2, 0.3])
    model.save_model(str(tmp_path / "model.json"), format="json")
    forest = from_catboost(json.loads((tmp_path / "model.json").read_text()))
    assert forest.value.shape == (30 * 2**depth, FAMILIES)
    expected = model.predict(rows, prediction_type="RawFormulaVal")
    np.testing.assert_allclose(forest.logits(rows), expected, rtol=0, atol=1e-6)


@of_each_kernel
def test_every_kernel_gives_the_bits_of_the_definition(kernel, monkeypatch):
    monkeypatch.setenv(KERNEL, kernel)
    with_a_lone_leaf = Forest(
        **{name: np.array([number], np.int32) for name, number in (("leaves", 1), ("family", 1))},
        **{name: np.array([], np.int32) for name in ("feature", "left", "right")},
        threshold=np.array([], np.float32),
        value=np.array([[0.1, 0.2]]),
        start=np.array([0.3, 0.4, 0.5]),
        features=np.array([FEATURES], np.int32),
    )
    for forest in (small(), converted(boosters(num_leaves=31)), with_a_lone_leaf):
        for rows in (0, 1, 15, 16, 17, 40):
            given = table(rows)
            given[:1, 5] = np.nan  # goes to the right
            np.testing.assert_array_equal(forest.logits(given), walked(forest, given))
            np.testing.assert_array_equal(forest.logits(given[::-1])[::-1], walked(forest, given))


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_file_gives_the_same_forest_and_is_small(scale, tmp_path):
    feature = small().feature * np.int32(scale)
    forest = replace(small(), feature=feature, features=np.array([FEATURES * scale], np.int32))
    forest.save(tmp_path / "trees.safetensors")
    for name, array in arrays_of(Forest.load(tmp_path / "trees.safetensors")).items():
        np.testing.assert_array_equal(array, getattr(forest, name), strict=True)
    kept = load_file(tmp_path / "trees.safetensors")
    assert {kept[name].dtype for name in ("left", "right", "family")} == {np.dtype(np.int8)}
    assert kept["feature"].dtype == (np.int8 if scale == 1 else np.int32)


def test_a_table_of_other_features_is_refused():
    for wrong in (table(2)[:, 1:], table(2)[0]):
        with pytest.raises(ArtifactError, match="made for 40 features"):
            small().logits(wrong)


def changed(name: str, at: int, value: Any) -> dict[str, np.ndarray]:
    arrays = {each: array.copy() for each, array in arrays_of(small()).items()}
    arrays[name].flat[at] = value
    return arrays


LEAVES = small().leaves[0]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (changed("left", 0, 99999999), "not reached once"),
        (changed("left", 0, -LEAVES - 1), "not reached once"),
        (changed("left", 0, -(2**31)), "not reached once"),
        (changed("left", 1, 0), "not reached once"),
        (changed("right", 1, 1), "not reached once"),
        (changed("right", 0, small().left[0]), "not reached once"),
        (changed("right", LEAVES - 2, small().left[LEAVES - 2]), "not reached once"),
        (changed("feature", 3, FEATURES), "one of 40"),
        (changed("feature", 3, -1), "one of 40"),
        (changed("features", 0, 0), "number of features"),
        (changed("family", 0, FAMILIES), "family"),
        (changed("family", 0, -1), "family"),
        (changed("leaves", 0, 0), "leaves"),
        (changed("leaves", 0, 2**31 - 1), "leaves"),
        (changed("threshold", 0, np.nan), "not finite"),
        (changed("value", 0, np.inf), "not finite"),
        (changed("start", 0, np.nan), "not finite"),
        (arrays_of(small()) | {"right": small().right[:-1]}, "differ in length"),
        (arrays_of(small()) | {"family": small().family[:-1]}, "families"),
        (arrays_of(small()) | {"value": small().value[:, 0]}, "axes"),
        (arrays_of(small()) | {"value": small().value[:, :0]}, "family"),
        (arrays_of(small()) | {"left": small().left.astype(np.int64)}, "int64"),
    ],
)
def test_unsound_trees_are_refused_with_the_reason(arrays, reason):
    with pytest.raises(ArtifactError, match=reason):
        Forest(**arrays)


def test_trees_as_deep_as_allowed_and_no_deeper():
    def chain(depth: int) -> Forest:
        left = np.append(np.arange(1, depth), -1 - depth).astype(np.int32)
        return replace(
            small(),
            leaves=np.array([depth + 1], np.int32),
            family=np.array([0], np.int32),
            feature=np.zeros(depth, np.int32),
            threshold=np.zeros(depth, np.float32),
            left=left,
            right=-1 - np.arange(depth, dtype=np.int32),
            value=np.arange(depth + 1.0)[:, None],
        )

    rows = np.zeros((1, FEATURES), np.float32)
    assert chain(DEEPEST).logits(rows)[0, 0] == DEEPEST
    with pytest.raises(ArtifactError, match="deeper"):
        chain(DEEPEST + 1)


def sound_or_refused(path: Path) -> bool:
    """Whether a file is refused; what is not gives the numbers of the definition."""
    try:
        forest = Forest.load(path)
    except ArtifactError:
        return True
    if forest.features[0] < 10**6:
        rows = np.resize(table(2), (2, int(forest.features[0])))
        with np.errstate(over="ignore", invalid="ignore"):
            np.testing.assert_array_equal(forest.logits(rows), walked(forest, rows))
    return False


def test_files_with_changed_bytes_are_refused_or_sound(tmp_path, monkeypatch):
    path, rng = tmp_path / "trees.safetensors", np.random.default_rng(0)
    small().save(path)
    whole, refused = path.read_bytes(), 0
    header = 8 + int.from_bytes(whole[:8], "little")
    for number in range(MUTATED):
        monkeypatch.setenv(KERNEL, kernels()[number % len(kernels())])
        damaged = bytearray(whole)
        end = header if number % 3 else len(whole)
        for place in rng.integers(0, end, rng.integers(1, 4)):
            damaged[place] = rng.integers(256) if number % 2 else damaged[place] ^ 1
        if number % 10 == 0:
            del damaged[rng.integers(len(damaged)) :]
        path.write_bytes(damaged)
        refused += sound_or_refused(path)
    assert MUTATED / 2 < refused < MUTATED


def test_files_of_changed_arrays_are_refused_or_sound(tmp_path, monkeypatch):
    """Well-formed safetensors that hold no sound trees: the checks of the forest itself."""
    path, rng, refused = tmp_path / "trees.safetensors", np.random.default_rng(1), 0
    names = list(FORM)
    extremes = [-(2**31), -9, -5, -2, -1, 0, 1, 2, 3, 4, FEATURES, 2**31 - 1]
    for number in range(MUTATED):
        monkeypatch.setenv(KERNEL, kernels()[number % len(kernels())])
        arrays: dict[str, Any] = {name: each.copy() for name, each in arrays_of(small()).items()}
        name = names[number % len(names)]
        array = arrays[name]
        match rng.integers(8):
            case 0:
                arrays[name] = np.roll(array, rng.integers(1, 9))
            case 1:
                arrays[name] = array[: rng.integers(len(array) + 1)]
            case 2:
                arrays[name] = array.astype(rng.choice(["f2", "f4", "f8", "u1", "i8", "i2", "?"]))
            case 3:
                arrays[name] = array[None]
            case 4:
                arrays |= {names[number % 5]: arrays["left"], "left": arrays[names[number % 5]]}
            case 5:
                del arrays[name]
            case _:
                array.flat[rng.integers(array.size)] = rng.choice(extremes)
        with np.errstate(over="ignore", invalid="ignore"):
            save_file(arrays, path)
        refused += sound_or_refused(path)
    assert MUTATED / 2 < refused < MUTATED


def test_no_file_and_no_safetensors_are_named(tmp_path):
    with pytest.raises((FileNotFoundError, SafetensorError)):
        Forest.load(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(ArtifactError, match="empty"):
        Forest.load(tmp_path / "empty")


@of_each_kernel
def test_the_compiled_sum_refuses_what_it_could_not_read_or_write(kernel):
    """It checks for itself, whatever the forest promises."""
    if kernel == NUMPY:
        pytest.skip("NumPy is not compiled")
    names = ("leaves", "family", "feature", "left", "right", "threshold", "value")
    given = {"table": table(3), "sums": np.zeros((3, FAMILIES))}
    good = {name: getattr(small(), name) for name in names} | given
    compiled().sum_leaves(kernel, *good.values())
    for name, bad in (
        *((name, changed(name, 0, 99999)[name]) for name in names[:5]),
        *((name, changed(name, 1, -99999)[name]) for name in names[:5]),
        ("left", changed("left", 0, 0)["left"]),
        *((name, good[name][:-1]) for name in names),
        ("leaves", good["leaves"].astype(np.int64)),
        ("value", good["value"].repeat(FAMILIES + 1, 1)),
        ("table", table(3)[:, :5].copy()),
        ("table", table(3).astype(np.float64)),
        ("table", np.asfortranarray(table(3))),
        ("sums", np.zeros((2, FAMILIES))),
        ("sums", np.zeros((3, FAMILIES - 1))),
        ("sums", None),
    ):
        with pytest.raises((ValueError, TypeError, BufferError)):
            compiled().sum_leaves(kernel, *(good | {name: bad}).values())
    with pytest.raises(ValueError, match="no code"):
        compiled().sum_leaves(NUMPY, *good.values())


def test_boosters_that_are_more_than_sums_of_numeric_splits_are_refused():
    data = table(400, 1)
    target = targets(data)[:, 0]
    missing, labels = data.copy(), np.arange(400) % 3
    missing[::3] = np.nan
    plain = {"verbosity": -1, "num_threads": 1}
    categories = lightgbm.Dataset(np.abs(data * 9).astype(int), target, categorical_feature=[0, 3])
    for settings, dataset, reason in (
        ({}, lightgbm.Dataset(missing, target), "missing"),
        ({"zero_as_missing": True}, lightgbm.Dataset(data, target), "missing"),
        ({"min_data_per_group": 1, "cat_smooth": 1}, categories, "numeric splits"),
        ({"linear_tree": True}, lightgbm.Dataset(data, target), "one value a leaf"),
        ({"objective": "multiclass", "num_class": 3}, lightgbm.Dataset(data, labels), "one target"),
        (
            {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
            lightgbm.Dataset(data, target),
            "one target",
        ),
    ):
        booster = lightgbm.train(plain | settings, dataset, 10)
        with pytest.raises(ConfigError, match=reason):
            from_lightgbm([booster.model_to_string()])
    narrow = lightgbm.train(plain, lightgbm.Dataset(data[:, :9], target), 3)
    with pytest.raises(ConfigError, match=r"\[9, 40\]"):
        from_lightgbm([narrow.model_to_string(), boosters(num_leaves=5)[0].model_to_string()])


@pytest.mark.parametrize("policy", ["Lossguide", "categories"])
def test_catboost_models_of_other_trees_are_refused(policy, tmp_path):
    data = table(200, 1)
    labels, settings = targets(data)[:, 0], {"iterations": 5, "verbose": False}
    if policy == "categories":
        data, features = np.abs(data * 2).astype(int), list(range(FEATURES))
    else:
        settings, features = settings | {"grow_policy": policy}, None
    model = catboost.CatBoostClassifier(**settings, allow_writing_files=False)
    model.fit(data, labels, cat_features=features)
    pool = catboost.Pool(data, labels, cat_features=features)
    model.save_model(str(tmp_path / "model.json"), format="json", pool=pool)
    with pytest.raises(ConfigError, match="not"):
        from_catboost(json.loads((tmp_path / "model.json").read_text()))
