"""`export_onnx`: the files an instrument gets, and a card that describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.artifact import header, write_json, written_whole
from egams.conventions import BIN_COUNT, BIN_WIDTH, FIRST_BIN, MZ_COUNT
from egams.errors import ConfigError
from egams.families import FAMILIES
from egams.models.cost import multiply_adds
from egams.models.onnx_files import OPSET, need_onnx
from egams.onboard.onnx_files import INPUT, OUTPUTS, run_onnx, write_fp32, write_int8
from egams.onboard.student import Student, predict

KIND = "student"
FORMAT_VERSION = 1
FP32, INT8, CARD = "student.onnx", "student-int8.onnx", "card.json"
MOST_BYTES = 1_000_000
MOST_MULTIPLY_ADDS = 20_000_000
RUNS_COMPARED = 100


def export_onnx(
    student: Student,
    folder: str | Path,
    calibration: NDArray[np.float32],
    facts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``student.onnx`` (fp32), ``student-int8.onnx`` and ``card.json`` into a folder.

    Parameters
    ----------
    calibration
        Training runs ``[run, m/z, bin]``: ranges of activations come from them, and the first 100
        are used to compare the files with the student in torch.
    facts
        What else the card should say: scores, fingerprint of the data.

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
    folder = Path(folder)
    work = multiply_adds(student, torch.zeros(1, MZ_COUNT, BIN_COUNT))
    _refuse_above("multiply-adds", work, MOST_MULTIPLY_ADDS)
    with written_whole(folder) as temporary:
        temporary.mkdir()
        write_fp32(student, temporary / FP32)
        write_int8(temporary / FP32, temporary / INT8, calibration)
        size = {name: (temporary / name).stat().st_size for name in (FP32, INT8)}
        _refuse_above("bytes in int8", size[INT8], MOST_BYTES)
        some = calibration[:RUNS_COMPARED]
        expected = predict(student, torch.from_numpy(some)).numpy()
        apart = {
            name: float(np.abs(run_onnx(temporary / name, some) - expected).max()) for name in size
        }
        card = _card(size, work, apart, len(some)) | (facts or {})
        write_json(temporary / CARD, card)
    return card


def _refuse_above(what: str, found: int, most: int) -> None:
    if found > most:
        raise ConfigError(
            f"the student has {found} {what}; expected at most {most}. It grows with its training "
            "runs: train it on fewer."
        )


def _card(
    size: dict[str, int], work: int, apart: dict[str, float], compared: int
) -> dict[str, Any]:
    return header(KIND, FORMAT_VERSION) | {
        "families": list(FAMILIES),
        "opset": OPSET,
        "input": {
            "name": INPUT,
            "shape": ["run", MZ_COUNT, BIN_COUNT],
            "type": "float32",
            "axes": f"run; m/z 0 to {MZ_COUNT - 1}; bins of {BIN_WIDTH:g} degC, the first from "
            f"{FIRST_BIN * BIN_WIDTH:g} degC",
            "unit": "mean abundance of each bin, any unit; NaN where not measured",
        },
        "outputs": {
            OUTPUTS[0]: {"shape": ["run", len(FAMILIES)], "is": "probability of each family"},
            OUTPUTS[1]: {
                "shape": ["run", 1],
                "is": "0 to about 1: the more, the less like any training run",
            },
        },
        "bytes": size,
        "multiply_adds": work,
        "largest_difference_from_torch": {"runs": compared} | apart,
        "intended_use": "A first look on board at what a sample holds. Not calibrated for other "
        "instruments than those of its training runs.",
    }
