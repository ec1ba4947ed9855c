"""Nothing damaged is used: a flipped bit is refused, and the file named, or changes nothing."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egams.artifact import Artifact, sealed
from egams.ensemble.bundle import load_bundle
from egams.ensemble.bundle_files import BundleManifest, TrainingRuns
from egams.ensemble.shard_records import ShardRecord, ShardsManifest
from egams.ensemble.shards import predict_shards, read_shards
from egams.errors import ArtifactError, InputError
from egams.models.predictor import Predictor
from egams.run import Run
from egams.store.journal import Line
from egams.store.manifest import StoreManifest
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.folds import Folds, FoldsRecord
from egams.study.kept import KeptRecord, keep_predictions, read_kept
from egams.study.make_bundle import make_bundle
from egams.study.records import MemberRecord, StudyManifest, TruthRecord
from egams.study.study import Study
from egams.training.checkpoint import CheckpointRecord, read_checkpoint, write_checkpoint
from egams.training.cross_validation import cross_validate
from training_samples import labelled_runs, tiny_experiment

FLIPS = 40
RUNS, FOLDS = 12, 2
PURPOSE = {"seed": 3}
EXPERIMENT = tiny_experiment("evident").model_copy(update={"evidence": True})
KINDS: tuple[type[Artifact], ...] = (
    *(StoreManifest, Line, StudyManifest, FoldsRecord, TruthRecord, MemberRecord),
    *(CheckpointRecord, BundleManifest, TrainingRuns, ShardsManifest, ShardRecord, KeptRecord),
)


def runs() -> list[Run]:
    return labelled_runs(RUNS, 3, sam=2)


def make_all(folder: Path) -> Path:
    store = prepare(runs(), folder / "store", jobs=1)
    study = cross_validate(store, EXPERIMENT, folder / "study", folds=FOLDS, draws=2, jobs=1)
    make_bundle(study, folder / "bundle")
    predict_shards(
        folder / "bundle", runs()[:4], folder / "shards", runs_per_shard=2, draws=1, jobs=1
    )
    content = {"network": {"weight": torch.arange(50.0)}, "epoch": 3}
    write_checkpoint(folder / "training.checkpoint", PURPOSE, content)
    keep_predictions(study, EXPERIMENT.name, folder).rename(folder / "kept.parquet")
    return folder


def use_store(folder: Path) -> Any:
    store = RunStore.open(folder / "store")
    of_runs = [(run.temperature.tobytes(), run.abundance.tobytes(), run.notes) for run in store]
    labels = store.labels.tobytes(), store.instruments.tolist(), store.ids
    return of_runs, labels, store.skipped, store.fingerprint


def use_study(folder: Path) -> Any:
    study = Study.open(folder / "study")
    run_ids, contexts = study.contexts()
    folds = Folds.load(study.folds_path, run_ids)
    name, experiment = next(iter(study.experiments().items()))
    names = [str(fold) for fold in range(FOLDS)]
    held_out = study.out_of_fold(name, names)
    return (
        *(study.manifest, study.truth(), run_ids, contexts.tobytes(), folds.fold.tolist()),
        *(experiment, held_out.run_ids, held_out.probabilities.tobytes()),
        [repr(study.epochs(name, fold)) for fold in names],
        [study.record(name, fold).seconds for fold in names],
        [weights(study.predictor(experiment, fold)) for fold in names],
    )


def use_bundle(folder: Path) -> Any:
    bundle = load_bundle(folder / "bundle")
    predictors = [each for member in bundle.members for each in member.predictors]
    ways = [way for way in (bundle.ensemble.whole, bundle.ensemble.lacking) if way is not None]
    stack = [(way.stack.names, way.stack.weights.tolist()) for way in ways]
    rest = [(way.calibration, way.calls, way.clips) for way in ways]
    return bundle.manifest, stack, rest, bundle.training_runs, [weights(one) for one in predictors]


def use_shards(folder: Path) -> Any:
    read = list(read_shards(folder / "shards"))
    predict_shards(  # takes them for done
        folder / "bundle", runs()[:4], folder / "shards", runs_per_shard=2, draws=1, jobs=1
    )
    return [part.details() for part in read], [part.probabilities.tobytes() for part in read]


def use_checkpoint(folder: Path) -> Any:
    content = read_checkpoint(folder / "training.checkpoint", PURPOSE)
    return content["network"]["weight"].tolist(), content["epoch"]


def use_kept(folder: Path) -> Any:
    kept = read_kept(folder / "kept.parquet")
    held_out = {fold: each.probabilities.tobytes() for fold, each in kept.held_out.items()}
    return kept.record, held_out, [each.run_ids for each in kept.held_out.values()]


def weights(predictor: Predictor) -> Any:
    state = {**predictor.network.state_dict()} if hasattr(predictor, "network") else {}
    nearest = predictor.neighbours
    arrays = {name: value.numpy() for name, value in state.items()}
    arrays |= {} if nearest is None else nearest.state
    return {name: value.tobytes() for name, value in arrays.items()}


USES: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "store": (use_store, ["store/*"]),
    "study": (use_study, ["study/*.json", "study/*.safetensors", "study/evident/fold-0/*"]),
    "bundle": (use_bundle, ["bundle/*", "bundle/training-runs/*", "bundle/evident/fold-0/*"]),
    "shards": (use_shards, ["shards/manifest.json", "shards/shards/shard-00000.parquet"]),
    "checkpoint": (use_checkpoint, ["training.checkpoint"]),
    "kept.parquet": (use_kept, ["kept.parquet"]),
}


@pytest.mark.parametrize("kind", USES)
def test_a_flipped_bit_is_refused_or_changes_nothing(kind: str, made: Path) -> None:
    use, patterns = USES[kind]
    expected = use(made)
    files = [path for pattern in patterns for path in sorted(made.glob(pattern)) if path.is_file()]
    assert len(files) >= len(patterns)
    for file in files:
        if file.name in ("plan.json", "README.md"):
            continue
        whole = file.read_bytes()
        rng = np.random.default_rng(zlib.crc32(file.relative_to(made).as_posix().encode()))
        for place in rng.integers(8 * len(whole), size=FLIPS).tolist():
            flipped = bytearray(whole)
            flipped[place // 8] ^= 1 << place % 8
            file.write_bytes(flipped)
            try:
                found = use(made)
            except (ArtifactError, InputError) as error:
                assert file.name in str(error), f"bit {place} of {file}: {error}"
            else:
                assert found == expected, f"bit {place} of {file} changes what is read"
        file.write_bytes(whole)


def test_a_flipped_bit_in_half_a_store_is_prepared_again(made: Path, tmp_path: Path) -> None:
    def interrupted(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(runs()[:4], tmp_path / "half", jobs=1, progress=interrupted)
    kept = tmp_path / "half.partial"
    whole = {path.name: path.read_bytes() for path in kept.iterdir()}
    expected = prepare(runs()[:4], tmp_path / "store", jobs=1)
    rng = np.random.default_rng(0)
    for name, content in whole.items():
        for place in rng.integers(8 * len(content), size=8).tolist():
            shutil.rmtree(tmp_path / "half", ignore_errors=True)
            kept.mkdir(exist_ok=True)
            for other, unchanged in whole.items():
                (kept / other).write_bytes(unchanged)
            flipped = bytearray(content)
            flipped[place // 8] ^= 1 << place % 8
            (kept / name).write_bytes(flipped)
            again = prepare(runs()[:4], tmp_path / "half", jobs=1)
            assert again.manifest == expected.manifest


HOSTILE = {
    "nothing": "",
    "half": '{"kind": ',
    "a list": "[]",
    "deep": "[" * 100_000,
    "a long number": '{"kind": ' + "9" * 5000 + "}",
    "no kind": "{}",
    "not text": "\ud800",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_what_is_no_artifact_is_refused(kind: type[Artifact], tmp_path: Path) -> None:
    header = {"kind": kind.kind, "format_version": kind.format_version, "egams_version": "0.2.0"}
    contents = HOSTILE | {
        "another kind": json.dumps(sealed(header | {"kind": "poem"})),
        "no digest": json.dumps(header),
        "missing keys": json.dumps(sealed(header)),
        "unknown keys": json.dumps(sealed(header | {"poem": 1})),
        "no number": json.dumps(sealed(header | {"runs": float("nan")})),
    }
    path = tmp_path / kind.file
    with pytest.raises(ArtifactError, match=f"no {kind.file} in it; expected a {kind.kind}"):
        kind.load(path)
    for content in contents.values():
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        with pytest.raises(ArtifactError, match=kind.file):
            kind.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_what_an_older_egams_made_is_named_with_what_to_do(
    kind: type[Artifact], tmp_path: Path
) -> None:
    older = {"kind": kind.kind, "format_version": 0, "egams_version": "0.1.0", "runs": []}
    (tmp_path / kind.file).write_text(json.dumps(older), encoding="utf-8")
    saying = rf"{kind.file}: .* of format 0, made by egams 0\.1\.0; .*{kind.again}.*install egams"
    with pytest.raises(ArtifactError, match=saying):
        kind.load(tmp_path)


def test_a_shard_of_other_runs_is_not_taken_for_done(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "copy"))
    first, second = sorted((folder / "shards" / "shards").iterdir())
    shutil.copy(second, first)
    with pytest.raises(ArtifactError, match=r"shard-00000.parquet: holds predictions of other"):
        use_shards(folder)
