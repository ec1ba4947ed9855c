"""Networks as ONNX: written by torch's exporter, and opened in ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egams.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 20
ONLY_ERRORS = 3


def need_onnx() -> None:
    """Raise ConfigError if a package that writes ONNX files is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise ConfigError(
                f"{package} is not installed; writing ONNX files needs it. "
                'Install it with pip install "egams[onboard]".'
            )


def write_onnx(
    network: nn.Module,
    given: tuple[Tensor, ...],
    path: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> None:
    """Export a network for any number of runs at a time, in one file.

    Parameters
    ----------
    network
        In evaluation mode.
    given
        Examples of its inputs, of two runs or more ``[run, ...]``.
    path
        Of the file.
    inputs, outputs
        Names.
    """
    import onnx
    import torch

    run = torch.export.Dim("run")
    with quietly():
        program = torch.onnx.export(
            network,
            given,
            dynamo=True,
            dynamic_shapes=tuple({0: run} for _ in given),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    onnx.save(without_history(program.model_proto), path)


def open_session(model: Path | bytes) -> Any:
    """Open a file, or what is in one, in ONNX Runtime, on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ONLY_ERRORS
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def without_history(model: Any) -> Any:
    """Leave out which line of Python each node came from: it is most of a small file."""
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for field in ("value_info", "metadata_props", "doc_string"):
        model.graph.ClearField(field)
    return model


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the exporter and the quantiser, which report every step."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
