"""Weights outside a graph: what they are called, and which a stage wants, read from its bytes without the onnx package.

Source: the Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding, and onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...core.errors import Corrupt
from ...core.ref import digest_of

GRAPH, INITIALIZER, NAME, LOCATION = 7, 5, 8, 14  # field numbers: ModelProto, GraphProto, TensorProto, TensorProto
EXTERNAL = 1  # TensorProto.DataLocation


def stored_names(graph: bytes) -> list[str]:
    """Names of the initializers that a graph holds no data for. Raises Corrupt for bytes that are no graph."""
    return [
        name
        for number, model_part in _fields(memoryview(graph))
        if number == GRAPH and isinstance(model_part, memoryview)
        for number, graph_part in _fields(model_part)
        if number == INITIALIZER and isinstance(graph_part, memoryview)
        for name in _external(graph_part)
    ]


def weight_digest(array: NDArray[np.generic]) -> str:
    """Of a weight's type, shape and content, as graphs name it."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return digest_of([head, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data])


def _external(tensor: memoryview) -> Iterator[str]:
    fields = dict(_fields(tensor))
    name = fields.get(NAME)
    if fields.get(LOCATION) == EXTERNAL and isinstance(name, memoryview):
        yield bytes(name).decode("utf-8", "replace")


def _fields(raw: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field's number with its integer or its bytes."""
    at = 0
    while at < len(raw):
        tag, at = _integer(raw, at)
        match tag & 7:
            case 0:
                value, at = _integer(raw, at)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _integer(raw, at)
            case 5:
                size = 4
            case kind:
                raise Corrupt(f"an ONNX graph has a field of wire type {kind}, which does not exist; fetch it again")
        if at + size > len(raw):
            raise Corrupt(f"an ONNX graph ends {at + size - len(raw)} bytes too early; fetch it again")
        yield tag >> 3, raw[at : at + size]
        at += size


def _integer(raw: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(raw):
            break
        value |= (raw[at + place] & 127) << (7 * place)
        if raw[at + place] < 128:
            return value, at + place + 1
    raise Corrupt("an ONNX graph ends within a number; fetch it again")
