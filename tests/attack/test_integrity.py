"""Every byte that egams wrote is covered by a digest, and `egams verify` looks at all of them."""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from egams.artifact import MANIFEST, sealed
from egams.cli.main import app
from egams.ensemble.shards import SHARDS
from egams.errors import EgamsError
from egams.io import open_source
from io_samples import RUNS, long_table

PARTS = {
    "store": ["store/runs.bin", "store/manifest.json"],
    "study": ["study/truth.json", "study/contexts.safetensors", "study/folds.json"],
    "bundle": ["bundle/manifest.json", "bundle/training-runs/training-runs.json"],
    "shards": [f"shards/{SHARDS}/shard-00001.parquet", "shards/manifest.json"],
    "training.checkpoint": ["training.checkpoint"],
    "kept.parquet": ["kept.parquet"],
}


def verify(path: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", str(path)])
    if done.exception and not isinstance(done.exception, EgamsError | SystemExit):
        raise done.exception
    return done.exit_code, f"{done.output}{done.exception or ''}"


@pytest.mark.parametrize("kind", PARTS)
def test_verify_finds_a_flipped_bit_anywhere(kind: str, made: Path, tmp_path: Path) -> None:
    copied = tmp_path / kind
    (shutil.copytree if (made / kind).is_dir() else shutil.copy)(made / kind, copied)
    status, said = verify(copied)
    assert status == 0
    assert "a whole" in said
    files = [path for path in copied.rglob("*") if path.is_file()] or [copied]
    assert {str(path.relative_to(tmp_path)) for path in files} >= set(PARTS[kind])
    rng = np.random.default_rng(0)
    for path in files:
        if path.name in ("README.md", "plan.json") or path.name.endswith(".lock"):
            continue
        whole = path.read_bytes()
        flipped = bytearray(whole)
        place = int(rng.integers(8 * len(whole)))
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        status, said = verify(copied)
        if path.suffix == ".parquet" and status == 0:  # headers of Parquet have no checksum
            assert pq.read_table(path).equals(pq.read_table(BytesIO(whole)))
        else:
            assert status != 0, f"{path.name}: bit {place}"
            assert path.name in said
        path.write_bytes(whole)


def test_the_fingerprint_of_a_store_is_computed_again(made: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(made / "store", tmp_path / "store"))
    content = json.loads((copied / MANIFEST).read_bytes())
    labels = content["runs"][0]["labels"]
    labels[0] = 1 - labels[0]
    (copied / MANIFEST).write_text(json.dumps(sealed(content)))
    status, said = verify(copied)
    assert status != 0
    assert "fingerprint" in said


def test_verify_says_what_it_knows_nothing_of(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    for path in (tmp_path, tmp_path / "x.txt", tmp_path / "gone"):
        status, said = verify(path)
        assert status != 0
        assert str(path) in said


def test_a_run_in_parquet_with_checksums(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(long_table(RUNS["S0001"]), path, write_page_checksum=True, compression="none")
    whole, expected = path.read_bytes(), open_source(path).load("S0001").abundance.tobytes()
    assert verify(path)[0] == 0
    # Pages alone: Parquet has no checksum of its footer.
    footer = int.from_bytes(whole[-8:-4], "little")
    silent = 0
    for place in range(4, len(whole) - 8 - footer, 7):
        flipped = bytearray(whole)
        flipped[place] ^= 16
        path.write_bytes(flipped)
        try:
            found = open_source(path).load("S0001").abundance.tobytes()
        except EgamsError:
            continue
        silent += found != expected
    assert silent == 0
