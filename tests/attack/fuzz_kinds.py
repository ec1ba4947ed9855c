"""Whole files of every kind: how they are changed, and what is read from them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from fuzz_changes import Change, a_bit_of_any, bytes_of, bytes_of_any, forge

import test_damage as damage
from egams.ensemble.bundle import load_bundle
from egams.ensemble.shards import read_shards
from egams.errors import EgamsError
from egams.io import open_source
from egams.store.prepare import prepare
from egams.store.run_store import RunStore
from egams.study.make_bundle import make_bundle
from egams.study.verify import verify
from egams.training.cross_validation import cross_validate
from egams.yaml_file import parsed
from io_samples import RUNS, lay_csvs, lay_labels, lay_metadata, long_table, zip_folder
from mutants import SAMPLES, lay, read
from training_samples import SMALL, tiny_experiment

Use = Callable[[Path], Any]


@dataclass
class Kind:
    """Files, how they are changed, and what is done with them.

    Parameters
    ----------
    folder
        Of the files, whole.
    change
        Returns the files that it changed.
    use
        What is read from the folder; compared with what the whole ones give.
    exact
        Whether anything else than that is wrong.
    """

    folder: Path
    change: Change
    use: Use
    exact: bool = False


def kinds(
    place: Path, *, native: bool = True, made: Path | None = None
) -> Iterator[tuple[str, Kind]]:
    """Lay down whole files of every kind; `native` with networks in ONNX, which take a while."""
    yield from readers(place)
    yield from artifacts(place, made or damage.make_all(place / "made"))
    yield from answers(place)
    folder = under(place / "settings")
    (folder / "mine.yaml").write_text("experiments:\n  a: {model: {kind: gru, hidden: 3}}\n")
    yield folder.name, Kind(folder, bytes_of_any, read_settings)
    if native:
        folder = under(place / "forged network")
        lay_network(folder)
        yield folder.name, Kind(folder, bytes_of_any, read_network)


def readers(place: Path) -> Iterator[tuple[str, Kind]]:
    for name in SAMPLES:
        folder = under(place / f"reader {name}")
        lay(name, SAMPLES[name][1], folder)
        yield folder.name, Kind(folder, bytes_of(SAMPLES[name][0]), reading(name))
    for name, put in {"zip": lay_zip, "Parquet": lay_parquet, "challenge": lay_challenge}.items():
        folder = under(place / f"reader {name} of runs")
        put(folder)
        yield folder.name, Kind(folder, bytes_of_any, read_all)


def artifacts(place: Path, made: Path) -> Iterator[tuple[str, Kind]]:
    for name, (use, _) in damage.USES.items():
        of_shards = name == "shards"
        for part in made.glob(f"*{name}"):
            folder = under(place / f"artifact {name}")
            (shutil.copytree if part.is_dir() else shutil.copy)(part, folder / part.name)
            change, reads = (bytes_of_any, use_shards) if of_shards else (a_bit_of_any, use)
            yield folder.name, Kind(folder, change, reads, exact=True)
            yield f"verify {name}", Kind(folder, bytes_of_any, verifying(part.name))
            yield f"forged {name}", Kind(folder, forge, reads)


def answers(place: Path) -> Iterator[tuple[str, Kind]]:
    """Yield a bundle of every kind that NumPy and the compiled code answer from, and its answer."""
    store = prepare(damage.runs(), place / "answers" / "store", jobs=1)
    trees = {"kind": "lightgbm", **SMALL["lightgbm"], "trees": 5}
    experiments = [
        tiny_experiment("network").model_copy(update={"evidence": True}),
        tiny_experiment("trees", model=trees).model_copy(update={"evidence": True}),
        tiny_experiment("neighbours", model={"kind": "neighbours"}),
    ]
    study = cross_validate(store, experiments, place / "answers" / "study", folds=2, jobs=1)
    folder = place / "forged answers"
    make_bundle(study, folder / "bundle")
    asked = prepare(damage.runs()[:1], place / "answers" / "asked", jobs=1)
    yield folder.name, Kind(folder, forge, answering(asked))


def under(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reading(name: str) -> Use:
    return lambda folder: read(name, folder)


def read_all(folder: Path) -> Any:
    (path,) = (each for each in folder.iterdir() if each.name in ("x.zip", "x.parquet", "x"))
    source = open_source(path)
    for run_id in source.ids:
        try:
            source.load(run_id)
        except EgamsError:
            continue


def lay_zip(folder: Path) -> None:
    lay_csvs(folder / "runs")
    zip_folder(folder / "runs", folder / "x.zip")
    shutil.rmtree(folder / "runs")


def lay_parquet(folder: Path) -> None:
    pq.write_table(long_table(RUNS["S0001"]), folder / "x.parquet", write_page_checksum=True)


def lay_challenge(folder: Path) -> None:
    lay_csvs(folder / "x" / "train_features")
    lay_labels(folder / "x" / "train_labels.csv")
    lay_metadata(folder / "x" / "metadata.csv", folder / "x" / "train_features")


def lay_network(folder: Path) -> None:
    from egams.models.network import Sizes
    from egams.models.onnx_export import export_network
    from egams.models.recurrent import LstmConfig
    from egams.models.trained_network import NetworkPredictor
    from training_samples import small

    network = small(LstmConfig).build(Sizes())
    export_network(NetworkPredictor(network, Sizes()), folder / "network.onnx", "lstm")


def read_network(folder: Path) -> Any:
    from egams.models.recurrent import LstmConfig
    from egams.models.registry import load_predictor
    from training_samples import small

    path = folder / "network.onnx"
    loaded = load_predictor({path.name: path}, small(LstmConfig))
    loaded.probabilities(np.zeros((2, 100, 80), np.float32), np.zeros((2, 206), np.float32))


def use_shards(folder: Path) -> Any:
    read = list(read_shards(folder / "shards"))
    return [part.details() for part in read], [part.probabilities.tobytes() for part in read]


def read_settings(folder: Path) -> Any:
    from egams.experiments.zoo import experiments_named

    experiments_named([str(folder / "mine.yaml")])
    parsed((folder / "mine.yaml").read_text(errors="replace"), "text")


def verifying(name: str) -> Use:
    return lambda folder: verify(folder / name)


def answering(asked: RunStore) -> Use:
    def use(folder: Path) -> Any:
        return load_bundle(folder / "bundle").predict(asked, draws=1).details()

    return use
