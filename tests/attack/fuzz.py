"""Spoilt and forged files by the thousand: `make fuzz MINUTES=5`.

Every mutant is tried in a process of its own kind, so that one that kills it is counted too.
What should come of it: a refusal in words, or what the whole file gives.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import test_damage as damage
from egams.artifact import DIGEST, MANIFEST, file_digests, sealed
from egams.ensemble.shards import read_shards
from egams.errors import EgamsError
from egams.io import open_source
from egams.io.reader_contract import spoil
from egams.study.verify import verify
from egams.yaml_file import parsed
from io_samples import RUNS, lay_csvs, lay_labels, lay_metadata, long_table, zip_folder
from mutants import SAMPLES, outcome

SLICE = 100
SECONDS = 30
"""That one mutant may take."""
NASTY: list[Any] = [None, [], {}, "", -1, 0, 1e308, "9" * 5000, 10**4000, True, "../x", [[[[]]]]]
GOOD = ("refused", "read", "same")


@dataclass
class Kind:
    """Files, how one is spoilt, and what is done with it.

    Parameters
    ----------
    folder
        Of the files, whole.
    change
        Changes a file in place, returns which.
    use
        What is read from the folder; compared with what the whole ones give.
    exact
        Whether anything else than that is wrong.
    """

    folder: Path
    change: Callable[[Path, np.random.Generator], Path]
    use: Callable[[Path], Any]
    exact: bool = False


def kinds(place: Path, *, native: bool) -> dict[str, Kind]:
    """Lay down whole files of every kind; `native` with networks in ONNX, which take a while."""
    found: dict[str, Kind] = {}
    for name in SAMPLES:
        folder = place / f"reader {name}"
        folder.mkdir(parents=True)
        (folder / "content").write_bytes(SAMPLES[name][1])
        found[f"reader {name}"] = Kind(folder, bytes_of_any, reading(name))
    for name, lay in {"zip": lay_zip, "Parquet": lay_parquet, "challenge": lay_challenge}.items():
        folder = place / f"reader {name} of runs"
        folder.mkdir()
        lay(folder)
        found[folder.name] = Kind(folder, bytes_of_any, read_all)
    made = damage.make_all(place / "made")
    for name, (use, _) in damage.USES.items():
        for part in made.glob(f"*{name}"):
            folder = place / f"artifact {name}"
            (shutil.copytree if part.is_dir() else shutil.copy)(part, under(folder) / part.name)
            change = bytes_of_any if name == "shards" else a_bit_of_any
            read = use_shards if name == "shards" else use
            found[folder.name] = Kind(folder, change, read, exact=True)
            found[f"verify {name}"] = Kind(folder, bytes_of_any, verifying(part.name))
            found[f"forged {name}"] = Kind(folder, forge, read)
    folder = under(place / "settings")
    (folder / "mine.yaml").write_text("experiments:\n  a: {model: {kind: gru, hidden: 3}}\n")
    found["settings"] = Kind(folder, bytes_of_any, read_settings)
    if native:
        folder = under(place / "forged network")
        lay_network(folder)
        found[folder.name] = Kind(folder, bytes_of_any, read_network)
    return found


def under(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def some_file(folder: Path, rng: np.random.Generator) -> Path:
    found = files_in(folder)
    return found[int(rng.integers(len(found)))]


def bytes_of_any(folder: Path, rng: np.random.Generator) -> Path:
    path = some_file(folder, rng)
    path.write_bytes(spoil(path.read_bytes(), rng))
    return path


def a_bit_of_any(folder: Path, rng: np.random.Generator) -> Path:
    path = some_file(folder, rng)
    content = bytearray(path.read_bytes())
    place = int(rng.integers(8 * len(content)))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    return path


def forge(folder: Path, rng: np.random.Generator) -> Path:
    """Change a value, or the bytes of a file, and seal all that names it."""
    path = some_file(folder, rng)
    if path.suffix == ".json":
        content = json.loads(path.read_bytes())
        replace_any(content, rng)
        path.write_text(json.dumps(sealed(content) if DIGEST in content else content))
    else:
        path.write_bytes(spoil(path.read_bytes(), rng))
    for manifest in (path.parent / "member.json", *(each / MANIFEST for each in path.parents)):
        if manifest.is_file() and manifest != path and manifest.is_relative_to(folder):
            content = json.loads(manifest.read_bytes())
            if isinstance(content.get("files"), dict):
                home = manifest.parent
                named = [home / name for name in content["files"] if (home / name).is_file()]
                content["files"] |= file_digests(home, named)
                manifest.write_text(json.dumps(sealed(content)))
    return path


def replace_any(content: Any, rng: np.random.Generator) -> None:
    """Put something nasty at a place somewhere in a tree."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        if not len(keys):
            return
        key = keys[int(rng.integers(len(keys)))]
        deeper = isinstance(content[key], dict | list) and len(content[key]) and rng.random() < 0.8
        if not deeper:
            break
        content = content[key]
    value = NASTY[int(rng.integers(len(NASTY)))]
    if rng.random() < 0.2:
        del content[key]
    elif isinstance(content[key], int | float) and rng.random() < 0.5:
        content[key] = content[key] * float(rng.choice([-1, 2, 1e6])) + 1
    else:
        content[key] = value


def reading(name: str) -> Callable[[Path], Any]:
    def use(folder: Path) -> Any:
        data = (folder / "content").read_bytes()
        (folder / "content").unlink()
        found = outcome(name, data, folder)
        if isinstance(found, str):
            raise EgamsError(found)

    return use


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
    from egams.models.recurrent import GruConfig
    from egams.models.trained_network import NetworkPredictor
    from training_samples import small

    network = small(GruConfig).build(Sizes())
    export_network(NetworkPredictor(network, Sizes()), folder / "network.onnx", "gru")


def read_network(folder: Path) -> Any:
    from egams.models.recurrent import GruConfig
    from egams.models.registry import load_predictor
    from training_samples import small

    path = folder / "network.onnx"
    loaded = load_predictor({path.name: path}, small(GruConfig))
    loaded.probabilities(np.zeros((2, 100, 80), np.float32), np.zeros((2, 206), np.float32))


def use_shards(folder: Path) -> Any:
    return [part.details() for part in read_shards(folder / "shards")]


def read_settings(folder: Path) -> Any:
    from egams.experiments.zoo import experiments_named

    experiments_named([str(folder / "mine.yaml")])
    parsed((folder / "mine.yaml").read_text(errors="replace"), "text")


def verifying(name: str) -> Callable[[Path], Any]:
    return lambda folder: verify(folder / name)


def tried(kind: Kind, expected: Any, seed: tuple[int, ...], place: Path) -> str:
    """Spoil one file, use it, and say what came of it."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(kind.folder, place)
    file = kind.change(place, np.random.default_rng(seed))
    before = {path.relative_to(place) for path in place.rglob("*")}
    try:
        found = kind.use(place)
    except EgamsError:
        came = "refused"
    except Exception:
        came = f"traceback of {file.name} at {seed}: {traceback.format_exc(limit=-3)!r}"
    else:
        came = "same" if kind.exact else "read"
        if kind.exact and found != expected:
            came = f"silent other answer of {file.relative_to(place)} at {seed}"
    left = {path.relative_to(place) for path in place.rglob(".*.tmp")} - before
    return f"files left at {seed}: {sorted(left)}" if left else came


def slice_of(kind: Kind, expected: Any, seed: int, first: int, place: Path) -> Iterator[str]:
    """Try some mutants in a process of their own; begin another where one kills it."""
    done = 0
    while done < SLICE:
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1), os.dup2(quiet, 2)
            with os.fdopen(theirs, "w") as out:
                for number in range(done, SLICE):
                    signal.alarm(SECONDS)
                    came = tried(kind, expected, (seed, first + number), place)
                    out.write(json.dumps(came) + "\n")
                    out.flush()
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as lines:
            for line in lines:
                done += 1
                yield json.loads(line)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            what = "too slow" if name == "SIGALRM" else f"crash by {name}"
            yield f"{what} at {(seed, first + done)}"
            done += 1


def fuzz(place: Path, seed: int, until: Callable[[int], bool], *, native: bool = True) -> Counter:
    """Try slices of every kind in turn until `until` of their number is true."""
    counts: Counter[tuple[str, str]] = Counter()
    found = kinds(place, native=native)
    expected = {name: kind.use(kind.folder) if kind.exact else None for name, kind in found.items()}
    rounds = 0
    while not until(rounds):
        for name, kind in found.items():
            first = rounds * SLICE
            for came in slice_of(kind, expected[name], seed, first, place / "tried"):
                counts[name, came if came in GOOD else came.split(" at ")[0].split(" of ")[0]] += 1
                if came not in GOOD:
                    print(f"{name}: {came}", flush=True)
        rounds += 1
        print(f"{sum(counts.values())} mutants: {dict(total(counts))}", flush=True)
    return counts


def total(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, came), count in counts.items():
        found[came] += count
    return found


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--minutes", type=float, default=1)
    given.add_argument("--seed", type=int, default=0)
    settings = given.parse_args()
    ends = time.monotonic() + 60 * settings.minutes
    with tempfile.TemporaryDirectory() as folder:
        counts = fuzz(Path(folder), settings.seed, lambda _: time.monotonic() > ends)
    for (name, came), count in sorted(counts.items()):
        print(f"{count:>9,} {came:<24} {name}")
    if set(total(counts)) - set(GOOD):
        sys.exit(1)


if __name__ == "__main__":
    main()
