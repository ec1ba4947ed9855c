"""A bundle with right digests and wrong content is refused in words; nothing native meets it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from egams.artifact import DIGEST, MANIFEST, file_digests, sealed
from egams.ensemble.bundle import SHIPPED, Bundle, load_bundle
from egams.errors import ArtifactError, EgamsError
from egams.models.predictor import Predictor
from egams.models.trees import TREES
from egams.study.records import MEMBER
from prepared_samples import simulated
from test_damage import USES

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "in" / "bundle"))


def forge(bundle: Path, change: Change) -> None:
    """Change the manifest, and seal it as if egams had written it."""
    content = json.loads((bundle / MANIFEST).read_bytes())
    change(content)
    content["files"] = file_digests(
        bundle, [bundle / name for name in content["files"] if ".." not in name]
    ) | {name: digest for name, digest in content["files"].items() if ".." in name}
    (bundle / MANIFEST).write_text(json.dumps(sealed(content)))


def outside(content: dict[str, Any]) -> None:
    name = next(name for name in content["files"] if name.endswith(".safetensors"))
    content["same_as"][name] = "../outside.safetensors"


def weigh(weight: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        for way in ("whole", "lacking"):
            content["ensemble"][way]["stack"]["weights"][0] = weight

    return change


def twice(content: dict[str, Any]) -> None:
    content["members"][1] = content["members"][0]
    for way in ("whole", "lacking"):
        names = content["ensemble"][way]["stack"]["names"]
        names[1] = names[0]


HOSTILE: dict[str, Change] = {
    "outside": outside,
    "outside, with a digest": lambda content: content["files"].update({"../x.safetensors": "0"}),
    "negative": weigh(-1.0),
    "zero": weigh(0.0),
    "huge": weigh(1e308),
    "infinite": weigh(float("inf")),
    "not a number": weigh(float("nan")),
    "an object for a weight": weigh({}),
    "a member twice": twice,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_forged_manifest_is_refused(kind: str, bundle: Path) -> None:
    forge(bundle, HOSTILE[kind])
    with pytest.raises(ArtifactError):
        load_bundle(bundle)


@pytest.mark.parametrize("kind", ["store", "study", "bundle"])
def test_a_number_of_no_machine_is_refused(kind: str, made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made / kind, tmp_path / kind))
    for path in sorted(folder.rglob("*.json")):
        whole = path.read_bytes()
        content = json.loads(whole)
        for place, key in numbers_in(content):
            before, place[key] = place[key], 10**400
            path.write_text(json.dumps(sealed(content) if DIGEST in content else content))
            with contextlib.suppress(EgamsError):
                USES[kind][0](tmp_path)
            place[key] = before
        path.write_bytes(whole)


def test_known_runs_that_were_heated_beyond_any_number_are_refused(bundle: Path) -> None:
    path = next(bundle.rglob("training-runs.json"))
    content = json.loads(path.read_bytes())
    content["novelty"]["usually_heated"][1] = 1e300
    path.write_text(json.dumps(sealed(content)))
    forge(bundle, lambda content: None)
    with pytest.raises(ArtifactError, match="usually_heated"):
        load_bundle(bundle).predict([simulated(1, tiny=True)])


def test_a_member_of_another_name_than_its_folder_is_refused(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made / "study", tmp_path / "study"))
    path = next(folder.rglob(MEMBER))
    content = json.loads(path.read_bytes())
    content["experiment"]["name"] = "other"
    path.write_text(json.dumps(sealed(content)))
    with pytest.raises(ArtifactError, match="names of its folders"):
        USES["study"][0](tmp_path)


def numbers_in(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where the numbers of a tree are; of lists, in the first element."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content[:1]):
        if isinstance(value, dict | list):
            yield from numbers_in(value)
        elif isinstance(value, int | float):
            yield content, key


def test_trees_are_checked_before_they_are_walked(bundle: Path) -> None:
    path = next(bundle.rglob(TREES))
    whole = load_file(path)
    faults = {"feature": 999_999_999, "left": 2**31 - 1, "right": -(2**31), "leaves": 0}
    faults |= {"threshold": np.nan, "value": np.inf, "family": 10}
    for name, value in faults.items():
        wide = whole[name].astype(np.int32) if whole[name].dtype.kind == "i" else whole[name].copy()
        wide.flat[0] = value
        save_file(whole | {name: wide}, path)
        forge(bundle, lambda content: None)
        with pytest.raises(ArtifactError, match="cannot be read"):
            load_bundle(bundle)


def test_weights_that_are_not_finite_are_refused(bundle: Path) -> None:
    for path in sorted(bundle.rglob("*.safetensors")):
        whole = load_file(path)
        name = next(name for name in sorted(whole) if whole[name].dtype.kind == "f")
        bad = whole[name].copy()
        bad.flat[0] = np.nan
        save_file(whole | {name: bad}, path, metadata_of(path))
        forge(bundle, lambda content: None)
        with pytest.raises(ArtifactError, match="not finite"):
            load_bundle(bundle)
        save_file(whole, path, metadata_of(path))


def metadata_of(path: Path) -> dict[str, str] | None:
    from safetensors import safe_open

    with safe_open(path, "np") as content:
        return content.metadata()


@pytest.mark.parametrize("answer", [np.nan, np.inf, -1.0, 2.0])
def test_an_answer_that_is_none_is_an_error(answer: float, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle()
    kinds = {type(one) for member in bundle.members for one in member.predictors}
    run = simulated(1, tiny=True)
    for kind in kinds:
        probabilities = kind.probabilities

        def spoilt(self: Predictor, *given: Any, real: Any = probabilities) -> Any:
            found = np.array(real(self, *given))
            found[0, 0] = answer
            return found

        with monkeypatch.context() as patch:
            patch.setattr(kind, "probabilities", spoilt)
            with pytest.raises(EgamsError, match="not a probability"):
                bundle.predict(run, draws=1)


def test_an_ensemble_that_answers_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle: Bundle = load_bundle()
    monkeypatch.setattr(
        type(bundle.ensemble),
        "probabilities",
        lambda self, mean, *_, **__: np.full(mean.shape[1:], np.nan),
    )
    with pytest.raises(EgamsError, match="not a probability"):
        bundle.predict(simulated(1, tiny=True), draws=1)
