"""What an ONNX file may hold before ONNX Runtime, which is native code, reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Message = Mapping[int, str]

# Of onnx.proto: the fields that lead to a tensor or to an operator, and what each of them is.
MESSAGES: Mapping[str, Message] = {
    "model": {7: "graph", 8: "operators", 20: "a training graph", 25: "a function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "data in another file", 14: "place"},
    "operators": {1: "domain"},
}
REFUSED = {"a training graph", "a function", "data in another file"}
OWN = {b"", b"ai.onnx"}
"""Domains of operators that the standard defines."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 10
LARGEST_TAG = 2**32 - 1
"""Protobuf in C++ cuts a larger one short, and takes it for another."""


def refuse_more_than_a_graph(model: bytes) -> None:
    """See that a model is one graph of standard operators, with all its data inside.

    Raises
    ------
    ValueError
        If it has operators of other domains, functions or data elsewhere, or is no ONNX model.
    """
    _look_into(memoryview(model), "model")


def _look_into(content: memoryview, kind: str) -> None:
    known = MESSAGES[kind]
    for number, value in _fields(content):
        found = known.get(number)
        if found in REFUSED:
            raise ValueError(f"its ONNX graph holds {found}, which egams does not load")
        if found == "domain":
            if not isinstance(value, memoryview) or bytes(value[:64]) not in OWN:
                raise ValueError("its ONNX graph has operators that are not of the standard")
        elif found == "place":
            if value != 0:
                raise ValueError("its ONNX graph has data outside the file")
        elif found is not None:
            if not isinstance(value, memoryview):
                raise ValueError("no ONNX model")
            _look_into(value, found)


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a protobuf message."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        wire = key & 7
        if key > LARGEST_TAG:
            raise ValueError("no ONNX model")
        if wire == VARINT:
            value, place = _varint(content, place)
            yield key >> 3, value
            continue
        if wire == BYTES:
            size, place = _varint(content, place)
        elif wire in {FIXED64, FIXED32}:
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError("no ONNX model")
        if size > len(content) - place:
            raise ValueError("an ONNX model that ends early")
        yield key >> 3, content[place : place + size]
        place += size


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(content[place : place + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, place + shift + 1
    raise ValueError("no ONNX model")
