"""A small ONNX graph, written node by node: plain operators, so that any runtime has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 13
IR_VERSION = 7


class Graph:
    """Nodes and weights of a graph; methods return names of values.

    Parameters
    ----------
    whole_numbers
        Whether weights on a grid are written as int8 and int16, or as the float32 they stand for.
    """

    def __init__(self, *, whole_numbers: bool) -> None:
        self.whole_numbers = whole_numbers
        self.multiply_adds = 0
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        self._known: dict[tuple[str, bytes, tuple[int, ...]], str] = {}

    def op(self, kind: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """Add a node.

        Parameters
        ----------
        kind
            Operator.
        inputs
            Names of its inputs.
        to
            Name of its output; None for any.
        attributes
            Of the operator.
        """
        from onnx import helper

        name = to or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: Any, kind: type[np.generic] = np.float32) -> str:
        """Add a constant; equal ones are kept once."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(values, dtype=kind)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self._known:
            name = self._known[key] = f"w{len(self._weights)}"
            self._weights[name] = numpy_helper.from_array(array, name)
        return self._known[key]

    def on_grid(self, values: NDArray[np.float32], step: NDArray[np.float32]) -> str:
        """Add a matrix that lies on a grid of whole multiples of `step`."""
        if not self.whole_numbers:
            return self.weight(values)
        whole = np.rint(values / step)
        kind = np.int8 if np.abs(whole).max(initial=0) <= np.iinfo(np.int8).max else np.int16
        return self.mul(self.number(self.weight(whole, kind)), self.weight(step))

    def matmul(self, a: str, matrix: str, shape: Sequence[int]) -> str:
        """Multiply by a matrix of this shape, which serves the whole run."""
        self.multiply_adds += int(np.prod(shape))
        return self.op("MatMul", a, matrix)

    def add(self, a: str, b: str) -> str:
        """Add."""
        return self.op("Add", a, b)

    def sub(self, a: str, b: str) -> str:
        """Subtract."""
        return self.op("Sub", a, b)

    def mul(self, a: str, b: str) -> str:
        """Multiply."""
        return self.op("Mul", a, b)

    def at_least(self, a: str, smallest: float) -> str:
        """Replace what is smaller."""
        return self.op("Max", a, self.weight(smallest))

    def at_most(self, a: str, largest: float) -> str:
        """Replace what is larger."""
        return self.op("Min", a, self.weight(largest))

    def number(self, a: str) -> str:
        """Cast to float32."""
        from onnx import TensorProto, helper

        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node("Cast", [a], [name], to=TensorProto.FLOAT))
        return name

    def total(self, a: str, *axes: int) -> str:
        """Sum over axes, which stay with length 1."""
        return self.op("ReduceSum", a, self.weight(np.array(axes), np.int64), keepdims=1)

    def largest(self, a: str, *axes: int) -> str:
        """Maximum over axes, which stay with length 1."""
        return self.op("ReduceMax", a, axes=list(axes), keepdims=1)

    def chosen(self, a: str, index: Sequence[int], axis: int) -> str:
        """Some entries of an axis."""
        return self.op("Gather", a, self.weight(np.array(index), np.int64), axis=axis)

    def log10(self, a: str) -> str:
        """Logarithm to base 10."""
        return self.mul(self.op("Log", a), self.weight(1 / np.log(10.0)))

    def flat(self, a: str) -> str:
        """``[run, feature]`` of ``[run, ...]``."""
        return self.op("Flatten", a, axis=1)

    def operators(self) -> list[str]:
        """Names of the operators that the graph needs."""
        return sorted({node.op_type for node in self._nodes})

    def save(
        self,
        path: Path,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
    ) -> None:
        """Write the graph.

        Parameters
        ----------
        path
            Of the file.
        inputs, outputs
            Shapes by name, all float32.
        """
        import onnx
        from onnx import TensorProto, helper

        def named(shapes: Mapping[str, Sequence[int | str]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
                for name, shape in shapes.items()
            ]

        graph = helper.make_graph(
            self._nodes, "student", named(inputs), named(outputs), list(self._weights.values())
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        model.producer_name = "egams"
        onnx.checker.check_model(model)
        onnx.save(model, path)
