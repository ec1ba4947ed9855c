"""Small files that would need much memory are refused before it is taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

READ = (
    "import resource, sys\n"
    "from egams.errors import EgamsError\n"
    "from egams.memory import limit\n"
    "from egams.store.prepare import prepare\n"
    "import pyarrow.parquet, egams.io.csv_source, egams.io.foreign\n"
    "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "limit(int(sys.argv[2]))\n"
    "try: prepare(sys.argv[1], jobs=1)\n"
    "except EgamsError as error: print(error)\n"
    "else: print('used')\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
)
BUDGET = 300 * 2**20


def sparse(path: Path) -> None:
    """10,000 readings, each at an m/z and a time of its own."""
    rng = np.random.default_rng(0)
    mz = np.round(rng.uniform(1, 99, 10_000), 3)
    rows = [f"{k},{30 + k / 20:g},{mz[k]:g},1e-9" for k in range(10_000)]
    path.write_text("\n".join(["time,temp,m/z,abundance", *rows]))


def scattered(path: Path) -> None:
    """A reading of another whole m/z at every time: each is a scan of its own."""
    rows = [f"{k},{30 + k / 200:g},{99 - k % 98},1" for k in range(160_000)]
    path.write_text("\n".join(["time,temp,m/z,abundance", *rows]))


def large(path: Path) -> None:
    """A scan of two m/z for every 24 bytes."""
    rows = [f"{k // 2},{k % 900},{2 + k % 2},1" for k in range(2_000_000)]
    path.write_text("\n".join(["time,temp,m/z,abundance", *rows]))


def packed(path: Path) -> None:
    """Three row groups that pack very well."""
    rows = 1_500_000
    group = pa.table(
        {
            "sample_id": pa.array(["a run with a long name" * 3]).take(
                pa.array(np.zeros(rows, int))
            ),
            "time": np.repeat(np.arange(rows / 2), 2),
            "temp": np.full(rows, 40.0),
            "m/z": np.tile([2.0, 3.0], rows // 2),
            "abundance": np.full(rows, 1e-9),
        }
    )
    with pq.ParquetWriter(path, group.schema) as out:
        for _ in range(3):
            out.write_table(group, row_group_size=rows)


@pytest.mark.parametrize(
    ("write", "name"),
    [(sparse, "x.csv"), (scattered, "x.csv"), (large, "x.csv"), (packed, "x.parquet")],
)
def test_what_does_not_fit_is_refused_in_words(write, name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name), str(BUDGET)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said, taken = done.stdout.splitlines()
    assert "memory" in said
    assert 1024 * int(taken) < 1.2 * BUDGET
