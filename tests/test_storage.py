"""Shared storage: what is half there is not there, and a study that lives in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.jobs.stopping import StoppedError
from egams.store.prepare import prepare
from egams.study.records import MEMBER
from egams.study.storage import Storage
from egams.study.study import Study
from egams.training.compute import Compute
from egams.training.cross_validation import cross_validate
from egams.training.network import loop
from egams.training.stored_member import JOURNAL
from training_samples import labelled_runs, tiny_experiment

SETTINGS: dict[str, Any] = {"folds": 3, "draws": 2, "seed": 5, "jobs": 1}


class LostError(Exception):
    """The connection, say, or the machine."""


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}://{tmp_path}/storage"


@given(
    content=st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=9)), lost=st.integers(0, 9)
)
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_half_a_folder_is_never_taken_for_a_whole_one(
    kind: str, content: dict[str, bytes], lost: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("folder")
    content |= {MEMBER: b"{}"}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    storage = Storage(f"{kind}://{folder}-{uuid.uuid4().hex}")
    with connection_lost_after(lost, storage), suppress(LostError):
        storage.put_folder(folder, "tiny/fold-0", MEMBER)
    assert storage.exists(f"tiny/fold-0/{MEMBER}") == (lost >= 2 * len(content))
    storage.put_folder(folder, "tiny/fold-0", MEMBER)  # whoever comes next
    storage.get_folder("tiny/fold-0", folder / "again")
    found = {path.name: path.read_bytes() for path in (folder / "again").iterdir()}
    assert found == content


@contextmanager
def connection_lost_after(calls: int, storage: Storage) -> Iterator[None]:
    """Fail when so many files were put or renamed."""
    files, left = storage._files, [calls]

    def losing(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **named: Any) -> Any:
            if left[0] == 0:
                raise LostError
            left[0] -= 1
            return call(*arguments, **named)

        return instead

    for name in ("put_file", "mv"):
        setattr(files, name, losing(getattr(files, name)))
    try:
        yield
    finally:
        for name in ("put_file", "mv"):
            delattr(files, name)


def test_names_and_files(url: str, tmp_path: Path) -> None:
    storage = Storage(url)
    assert storage.names("*/fold-*/member.json") == []
    assert not storage.exists("a/b.json")
    storage.put_json({"a": 1}, "a/b.json")
    assert json.loads(storage.read("a/b.json")) == {"a": 1}
    storage.put_json([2], "a/b.json")
    assert json.loads(storage.read("a/b.json")) == [2]
    assert storage.names("a/*") == ["a/b.json"]
    storage.remove("a/b.json")
    storage.remove("a/b.json")
    assert not storage.exists("a/b.json")
    with pytest.raises(ArtifactError, match=r"no 'a/b.json' in it"):
        storage.get_file("a/b.json", tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


def test_urls_that_nobody_can_serve_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'nowhere://a' cannot be used .* such as s3://bucket"):
        Storage("nowhere://a")


def test_study_in_storage_goes_on_anywhere_and_trains_nothing_twice(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    store, experiment = prepare(labelled_runs(12, 0), jobs=1), tiny_experiment(epochs=6)
    settings: dict[str, Any] = SETTINGS | {"compute": Compute("local", url)}
    plain = cross_validate(store, experiment, tmp_path / "plain", **SETTINGS)
    storage, first, second = Storage(url), tmp_path / "first", tmp_path / "second"

    def lost(report: Any) -> None:
        if (report.job, report.done) == ("tiny fold 1", 3):
            raise LostError

    with pytest.raises(EgamsError, match="tiny fold 1: LostError"):
        cross_validate(store, experiment, first, report=lost, **settings)
    # Another machine knows nothing but the URL.
    with pytest.raises(StoppedError, match="2 of 3 trainings are finished"):
        hurried = replace(settings["compute"], time_budget=1e-3)
        cross_validate(store, experiment, second, **(settings | {"compute": hurried}))
    epochs: list[int] = []
    study = cross_validate(
        store,
        experiment,
        second,
        report=lambda report: epochs.append(report.done),
        **settings,
    )
    assert epochs == [2, 3, 4, 5, 6]
    again = cross_validate(store, experiment, first, **settings)
    for one in (study, again):
        assert one.folds_done("tiny") == ["0", "1", "2"]
        assert contents(one) == contents(plain)
        assert one.folds_path.read_bytes() == plain.folds_path.read_bytes()
    assert [name.rpartition("-")[0] for name in storage.names(f"{JOURNAL}/*")] == [
        f"{JOURNAL}/tiny-fold-{fold}" for fold in range(3)
    ]
    assert storage.names("tiny/*.checkpoint") == []
    with pytest.raises(ArtifactError, match="made with seed = 5; requested was seed = 6"):
        cross_validate(store, experiment, tmp_path / "o", **(settings | {"seed": 6}))
    with pytest.raises(ConfigError, match="one process only"):
        cross_validate(
            store,
            experiment,
            tmp_path / "o",
            compute=Compute(storage="memory://x"),
            **(SETTINGS | {"jobs": 2}),
        )


def contents(study: Study) -> dict[str, bytes]:
    paths = [*study.folder.rglob("*.safetensors"), *study.folder.rglob("*.parquet")]
    return {str(path.relative_to(study.folder)): path.read_bytes() for path in paths}
