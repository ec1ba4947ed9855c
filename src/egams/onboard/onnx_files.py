"""The student as ONNX: in fp32 as it is, and in int8 with what training runs need of range."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from egams.conventions import BIN_COUNT, MZ_COUNT
from egams.errors import ConfigError
from egams.onboard.student import Student

OPSET = 20
INPUT = "binned"
OUTPUTS = ("probability", "variance")
QUANTISED = ("directions", "landmarks", "inward", "outward")
"""Last names of the weights whose products are int8; the rest is small and stays fp32."""
RUNS_AT_ONCE = 32


def need_onnx() -> None:
    """Raise ConfigError if a package that ONNX files need is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise ConfigError(
                f"{package} is not installed; ONNX files need it. "
                'Install it with pip install "egams[onboard]".'
            )


def write_fp32(student: Student, path: Path) -> None:
    """Export for any number of runs at a time."""
    import onnx

    example = torch.zeros(2, MZ_COUNT, BIN_COUNT)
    with _quietly():
        program = torch.onnx.export(
            student,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("run")},),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    onnx.save(_without_history(program.model_proto), path)


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
    with _quietly():
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
    onnx.save(_without_history(onnx.load(target)), target)


def open_session(path: Path) -> Any:
    """Open a file in onnxruntime, on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_onnx(path: Path, binned: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities that an ONNX file gives ``[run, family]`` for ``[run, m/z, bin]``."""
    session = open_session(path)
    return np.concatenate([session.run([OUTPUTS[0]], part)[0] for part in _parts(binned)])


def _without_history(model: Any) -> Any:
    """Leave out which line of Python each node came from: it is most of an int8 file."""
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for field in ("value_info", "metadata_props", "doc_string"):
        model.graph.ClearField(field)
    return model


def _parts(binned: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    starts = range(0, len(binned), RUNS_AT_ONCE)
    return ({INPUT: binned[start : start + RUNS_AT_ONCE]} for start in starts)


@contextmanager
def _quietly() -> Iterator[None]:
    # Both tools tell at length what they fold and what they would do with a graph of their own.
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
