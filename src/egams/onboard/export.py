"""`export_onnx`: the files an instrument gets, and a card that describes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egams.artifact import file_digests, header, write_json, written_whole
from egams.conventions import BIN_WIDTH, FIRST_COLUMN, MZ_COUNT
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.onnx_files import need_onnx
from egams.onboard.graph import OPSET
from egams.onboard.onnx_files import run_onnx, write_student
from egams.onboard.stages import LATEST_START, SIX_MZ, Stage, upper_edge
from egams.onboard.student import StageStudent, answers
from egams.onboard.student_graph import (
    INFINITE,
    INPUT,
    JUDGED,
    LIKENESS,
    PROBABILITY,
    REFUSAL,
    STAGE,
    TOO_LITTLE,
)
from egams.onboard.vectors import vector_matrices, write_vectors
from egams.spectrogram.coarse import COARSE_BINS, COARSE_STEP

KIND = "student"
FORMAT_VERSION = 2
FP32, INT8, CARD, VECTORS = "student.onnx", "student-int8.onnx", "card.json", "vectors"
MOST_BYTES = 1_000_000
MOST_MULTIPLY_ADDS = 20_000_000
SHIPPED = Path(__file__).parent / "shipped"
"""A student of the shipped bundle's study, in int8."""


def export_onnx(
    students: Sequence[StageStudent],
    folder: str | Path,
    facts: dict[str, Any] | None = None,
    *,
    fp32: bool = True,
) -> dict[str, Any]:
    """Write ``student.onnx``, ``student-int8.onnx``, ``vectors/`` and ``card.json`` into a folder.

    Parameters
    ----------
    students
        In the order in which they are tried.
    folder
        To write.
    facts
        What else the card should hold: scores, fingerprint of the data.
    fp32
        Whether ``student.onnx`` is written too, four times as large and with the same answers.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    ConfigError
        If an ONNX package is missing, or the student is too large for its limits: 1 MB in int8,
        20 million multiply-adds.
    ArtifactError
        If something else stands at `folder`.
    """
    need_onnx()
    with written_whole(Path(folder)) as temporary:
        temporary.mkdir()
        graphs = {INT8: write_student(students, temporary / INT8, whole_numbers=True)}
        if fp32:
            graphs[FP32] = write_student(students, temporary / FP32, whole_numbers=False)
        work = graphs[INT8].multiply_adds
        _refuse_above("multiply-adds", work, MOST_MULTIPLY_ADDS)
        _refuse_above("bytes in int8", (temporary / INT8).stat().st_size, MOST_BYTES)
        write_vectors(temporary / VECTORS, temporary / INT8)
        runs = vector_matrices(temporary / VECTORS)
        expected = answers(students, runs)[0]
        apart = {
            name: float(np.nanmax(np.abs(run_onnx(temporary / name, runs.abundance)[0] - expected)))
            for name in graphs
        }
        files = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
        card = header(KIND, FORMAT_VERSION) | {
            "families": list(FAMILIES),
            "input": _input(),
            "outputs": _outputs(),
            "stages": [_stage(number, each.stage) for number, each in enumerate(students, 1)],
            "opset": OPSET,
            "operators": graphs[INT8].operators(),
            "bytes": {name: (temporary / name).stat().st_size for name in graphs},
            "multiply_adds": work,
            "memory": _memory(students),
            "vectors": "vectors/NN.csv: simulated readings; NN-binned.csv: m/z by bin, empty where "
            "not measured; outputs.csv: what student-int8.onnx answers",
            "largest_difference_from_torch": {"runs": len(runs)} | apart,
            "sha256": file_digests(temporary, files),
            "intended_use": "A first look on board at what a sample holds. Not calibrated for "
            "other instruments than those of its training runs.",
        }
        write_json(temporary / CARD, card | (facts or {}))
    return card | (facts or {})


def _refuse_above(what: str, found: int, most: int) -> None:
    if found > most:
        raise ConfigError(
            f"the student has {found} {what}; expected at most {most}. It grows with its training "
            "runs: train it on fewer."
        )


def _input() -> dict[str, Any]:
    return {
        "name": INPUT,
        "shape": ["run", MZ_COUNT, COARSE_BINS],
        "type": "float32",
        "axes": f"run; m/z 0 to {MZ_COUNT - 1}; bin 0 to {COARSE_BINS - 1}",
        "unit": "mean abundance of each bin, any unit, the same for the whole run",
        "bin_edges_degC": [upper_edge(bin_) for bin_ in range(-1, COARSE_BINS)],
        "bin_of_a_reading": f"round((T - {FIRST_COLUMN:g}) / {COARSE_STEP:g}), T from 28 to 1000 "
        "degC; all readings of a scan count at the mean temperature of the scan",
        "mz_of_a_reading": "nearest whole m/z, where it is less than 0.3 away",
        "slow_sweeps": "an instrument that warms within a sweep averages each m/z in bins of "
        f"{BIN_WIDTH:g} degC first, and interpolates empty ones between others",
        "empty_bins": "between others: interpolate linearly in the m/z; else NaN",
        "not_measured": "NaN; never 0",
        "while_it_heats": "bins that are still to come are NaN",
    }


def _outputs() -> dict[str, Any]:
    families = len(FAMILIES)
    return {
        PROBABILITY: {
            "shape": ["run", families],
            "is": "probability of each family; NaN where refused",
        },
        REFUSAL: {
            "shape": ["run", 1],
            "is": f"{JUDGED}: judged; {INFINITE}: refused, an abundance is infinite; {TOO_LITTLE}: "
            "refused, nothing above 0 or less measured than any stage takes",
        },
        STAGE: {
            "shape": ["run", 1],
            "is": "number of the stage that answered, from 1; 0 where refused",
        },
        LIKENESS: {
            "shape": ["run", 1],
            "is": "0 to 1: the less, the less like the nearest training run",
        },
    }


def _stage(number: int, stage: Stage) -> dict[str, Any]:
    mz = list(stage.mask.mz)
    return {
        "number": number,
        "name": stage.name,
        "mz": "all" if len(mz) == MZ_COUNT else mz,
        "uses_bins_to": stage.mask.last,
        "takes": f"at least {stage.fewest_mz} of these m/z, and {len(SIX_MZ) - 1} of "
        f"{', '.join(map(str, SIX_MZ))}, each measured in bin {LATEST_START}, in bin "
        f"{stage.must_reach} and in all but "
        f"{stage.missing_bins} of bins 0 to {stage.mask.last}: heated to {stage.end_degC:g} degC",
    }


def _memory(students: Sequence[StageStudent]) -> dict[str, Any]:
    largest = max(len(each.stage.mask.mz) * each.stage.bins**2 for each in students)
    return {
        "input_bytes": 4 * MZ_COUNT * COARSE_BINS,
        "largest_intermediate_bytes": 4 * largest,
        "largest_intermediate": "ranks of bins for the background's quantiles, one run; in C a "
        "sort of 41 numbers for each m/z does the same in 164 bytes",
    }
