"""Test vectors: simulated readings, what they are in bins, and what the student answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egams.families import FAMILIES
from egams.io import read
from egams.onboard.binned import binned_matrix
from egams.onboard.onnx_files import run_onnx
from egams.onboard.stages import SIX_MZ, SOME_MZ
from egams.onboard.student_graph import LIKENESS, REFUSAL, STAGE
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_runs
from egams.spectrogram.coarse import CoarseRuns

SEED = 11
OUTPUTS = "outputs.csv"
CUTS: tuple[tuple[tuple[int, ...] | None, float], ...] = (
    (None, np.inf),
    (None, np.inf),
    (SOME_MZ, np.inf),
    (SIX_MZ, np.inf),
    (None, 760),
    (SOME_MZ, 640),
    (SIX_MZ, 620),
    (SOME_MZ, 420),
    (SIX_MZ[:3], np.inf),
    (SOME_MZ, 200),
)
"""m/z that a vector has, None for all, and to what it is heated. The last two are refused."""


def write_vectors(folder: Path, student: Path) -> None:
    """Write ten vectors; they hold no measured data.

    Parameters
    ----------
    folder
        To make.
    student
        ONNX file whose answers are written.
    """
    folder.mkdir()
    for number, run in enumerate(_simulated(), 1):
        _write_readings(folder / f"{number:02}.csv", run)
        (again,) = read(folder / f"{number:02}.csv")
        _write_matrix(folder / f"{number:02}-binned.csv", binned_matrix(again))
    found = run_onnx(student, vector_matrices(folder).abundance)
    with (folder / OUTPUTS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["vector", REFUSAL, STAGE, LIKENESS, *FAMILIES])
        for number in range(len(CUTS)):
            of_run = (found.refusal, found.stage, found.likeness, found.probability)
            numbers = np.concatenate([each[number] for each in of_run])
            rows.writerow([f"{number + 1:02}", *(f"{each:.6g}" for each in numbers)])


def vector_matrices(folder: Path) -> CoarseRuns:
    """Read the binned vectors ``[run, m/z, bin]``.

    Parameters
    ----------
    folder
        That `write_vectors` made.
    """
    paths = sorted(folder.glob("*-binned.csv"))
    return CoarseRuns(np.stack([np.genfromtxt(p, np.float32, delimiter=",") for p in paths]))


def _simulated() -> Iterator[Run]:
    config = SimulationConfig.tiny(sam_share=0.0)
    runs = simulate_runs(len(CUTS), np.random.default_rng(SEED), config=config)
    for run, (mz, end_degC) in zip(runs, CUTS, strict=True):
        heated = run.temperature <= end_degC
        kept = np.full(len(run.mz), True) if mz is None else np.isin(run.mz, mz)
        time = None if run.time is None else run.time[heated]
        yield replace(
            run,
            temperature=run.temperature[heated],
            mz=run.mz[kept],
            abundance=run.abundance[heated][:, kept],
            time=time,
        )


def _write_readings(path: Path, run: Run) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["time", "temp", "m/z", "abundance"])
        time = np.zeros(len(run.temperature)) if run.time is None else run.time
        for scan, temperature in enumerate(run.temperature):
            for mz, abundance in zip(run.mz, run.abundance[scan], strict=True):
                if not np.isnan(abundance):
                    rows.writerow(
                        [f"{time[scan]:.1f}", f"{temperature:.1f}", f"{mz:g}", f"{abundance:.3e}"]
                    )


def _write_matrix(path: Path, matrix: NDArray[np.float32]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        for row in matrix:
            rows.writerow(["" if np.isnan(each) else f"{each:.9g}" for each in row])
