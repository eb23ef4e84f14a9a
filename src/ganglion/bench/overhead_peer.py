"""The far side of the overhead bench, in a process of its own: a place of a split model, and JSON over HTTPS beside."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np
import uvloop
from aiohttp import web

from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.rng import stream
from ..engine.onnx.no_op import no_op
from ..engine.stages import Stages
from ..live.identity.node import Identity
from ..live.split.awake import WINDOW_S
from ..live.split.hops import Seat
from ..live.split.serve import Server, weights_in
from .overhead_floor import echo

HTTP = "http/1.1"
NODES = (NodeId("near"), NodeId("far"))
PORTS = 4  # of the two places, the floor and JSON, in this order
MOST_BYTES = 64 << 20
AWAKE_S = (WINDOW_S, 0.0)  # of the two places that are served: as they are, and one that always sleeps
SEATS = (Seat(NODES[0], Zone.DEVICE), Seat(NODES[1], Zone.EDGE))


def pin(place: int) -> None:
    """Gives this process a processor of its own, as two machines would."""
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine[place % len(mine)]})


async def answer(request: web.Request) -> web.Response:
    """What platforms do that send tensors as lists."""
    x = np.array(json.loads(await request.read())["data"], np.float32)
    part = _parts.get(x.shape[1])
    if part is None:
        model = no_op(x.shape[1])
        part = _parts[x.shape[1]] = model.open(model.cut(model.whole()))
    (out,) = part({"x0": x}).outputs.values()
    return web.Response(text=json.dumps({"data": out.tolist()}), content_type="application/json")


_parts: dict[int, Stages] = {}


async def main(folder: Path) -> None:
    """Opens the ports of two places, the floor and JSON, says which, and answers until the parent closes our input."""
    identity = Identity.load(folder)
    servers = [Server(identity, SEATS, 1, weights_in(None), stream(0, "overhead"), awake_s) for awake_s in AWAKE_S]
    ports = [await server.start() for server in servers]
    floor, floor_port = await echo(identity)
    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=identity.server(HTTP))
    await site.start()
    sys.stdout.write(" ".join(map(str, (*ports, floor_port, runner.addresses[0][1]))) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for server in servers:
        await server.close()
    floor.close()
    await runner.cleanup()


if __name__ == "__main__":
    pin(1)
    uvloop.run(main(Path(sys.argv[1])))
