"""What the tests of split models share: small networks as ONNX, and places with identities in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ganglion.core.fleet import NodeId
from ganglion.core.label import Zone
from ganglion.core.rng import stream
from ganglion.engine.onnx.captured import Captured, capture_onnx
from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.certificates import request
from ganglion.live.identity.node import Identity, accept, key_of
from ganglion.live.split.ask import Split
from ganglion.live.split.hops import Seat
from ganglion.live.split.serve import Server
from ganglion.live.split.weights import Weights

Array = NDArray[Any]
WIDTH = 16
ZONES = (Zone.DEVICE, Zone.EDGE, Zone.EDGE, Zone.CLOUD)


def network(depth: int = 6, exits: bool = True, width: int = WIDTH) -> Captured:
    """Dense layers with a skip over all of them, an early exit after the second, and the last result."""
    rng = stream(7, "network")
    nodes, weights, given = [], [], "x"
    for layer in range(depth):
        weight = (rng.normal(size=(width, width)) / width**0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [given, f"w{layer}"], [f"m{layer}"]))
        nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"r{layer}"]))
        given = f"r{layer}"
    nodes.append(helper.make_node("Add", [given, "r0"], ["late"]))
    outputs = [helper.make_tensor_value_info("late", TensorProto.FLOAT, ["batch", width])]
    if exits:
        nodes.insert(4, helper.make_node("Tanh", ["r1"], ["early"]))
        outputs.insert(0, helper.make_tensor_value_info("early", TensorProto.FLOAT, ["batch", width]))
    given_x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])
    graph = helper.make_graph(nodes, "net", [given_x], outputs, weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return capture_onnx(proto.SerializeToString(), np.zeros((1, width), np.float32))


def sample(number: int = 0, width: int = WIDTH) -> Array:
    """One input."""
    return stream(7, "sample", number).normal(size=(1, width)).astype(np.float32)


def identities(folder: Path, zones: tuple[Zone, ...]) -> list[Identity]:
    """One per place, in those zones, of one authority."""
    authority = create_authority(folder / "authority")
    found = []
    for number, zone in enumerate(zones):
        own, node = folder / f"place-{number}", NodeId(f"place-{number}")
        accept(own, authority.issue(request(key_of(own), node), node, zone))
        found.append(Identity.load(own))
    return found


@asynccontextmanager
async def places(
    folder: Path, model: Captured, zones: tuple[Zone, ...], fallback: bool = False
) -> AsyncIterator[tuple[Split, list[Server]]]:
    """An asker and the places beyond it, linked over mutual TLS; the farthest listens first."""
    seats = tuple(Seat(NodeId(f"place-{number}"), zone) for number, zone in enumerate(zones))
    known = identities(folder, zones)
    servers: list[Server] = []
    for number in range(len(zones) - 1, 0, -1):
        server = Server(known[number], seats, number, Weights({}), stream(1, number))
        port = await server.start()
        seats = tuple(replace(seat, port=port) if at == number else seat for at, seat in enumerate(seats))
        servers.append(server)
    split = Split(model, known[0], seats, stream(1, 0))
    await split.start(fallback)
    try:
        await split.linked()
        yield split, servers[::-1]
    finally:
        await split.close()
        await asyncio.gather(*(server.close() for server in servers))
