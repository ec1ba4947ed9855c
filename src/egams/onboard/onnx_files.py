"""The student as ONNX: in fp32 as it is, and in int8 with what training runs need of range."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray

from egams.conventions import BIN_COUNT, MZ_COUNT
from egams.models.onnx_files import open_session, quietly, without_history, write_onnx
from egams.onboard.student import Student

INPUT = "binned"
OUTPUTS = ("probability", "variance")
QUANTISED = ("directions", "landmarks", "inward", "outward")
"""Last names of the weights whose products are int8; the rest is small and stays fp32."""
RUNS_AT_ONCE = 32


def write_fp32(student: Student, path: Path) -> None:
    """Export for any number of runs at a time."""
    write_onnx(
        student,
        (torch.zeros(2, MZ_COUNT, BIN_COUNT),),
        path,
        inputs=[INPUT],
        outputs=OUTPUTS,
    )


def write_int8(source: Path, target: Path, calibration: NDArray[np.float32]) -> None:
    """Quantise statically: int8 weights, uint8 activations, as pairs of Q and DQ nodes.

    Parameters
    ----------
    source
        What `write_fp32` wrote.
    calibration
        Training runs, whose ranges activations get ``[run, m/z, bin]``.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    nodes = [
        node.name
        for node in onnx.load(source).graph.node
        if node.op_type == "MatMul" and node.input[1].rpartition(".")[2] in QUANTISED
    ]
    with quietly():
        quantize_static(
            source,
            target,
            SimpleNamespace(get_next=partial(next, _parts(calibration), None)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Distances are differences of these products, and must keep their digits.
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
        )
    onnx.save(without_history(onnx.load(target)), target)


def run_onnx(path: Path, binned: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities that an ONNX file gives ``[run, family]`` for ``[run, m/z, bin]``."""
    session = open_session(path)
    return np.concatenate([session.run([OUTPUTS[0]], part)[0] for part in _parts(binned)])


def _parts(binned: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    starts = range(0, len(binned), RUNS_AT_ONCE)
    return ({INPUT: binned[start : start + RUNS_AT_ONCE]} for start in starts)
