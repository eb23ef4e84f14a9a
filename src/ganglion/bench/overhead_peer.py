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
from ..live.split.hops import Seat
from ..live.split.serve import Server, weights_in

HTTP = "http/1.1"
NODES = (NodeId("near"), NodeId("far"))
MOST_BYTES = 64 << 20
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
    """Opens both ports, says which, and answers until the parent closes our input."""
    identity = Identity.load(folder)
    server = Server(identity, SEATS, 1, weights_in(None), stream(0, "overhead"))
    port = await server.start()
    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=identity.server(HTTP))
    await site.start()
    sys.stdout.write(f"{port} {runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await server.close()
    await runner.cleanup()


if __name__ == "__main__":
    pin(1)
    uvloop.run(main(Path(sys.argv[1])))
