"""What splitting itself costs: a model that does nothing, asked over mutual TLS, against calling the runtime here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import uvloop

from ..core.cut import Cut
from ..core.errors import Unreachable
from ..core.rng import stream
from ..engine.onnx.no_op import no_op
from ..live.identity.authority import create_authority
from ..live.identity.certificates import request
from ..live.identity.names import zone_host
from ..live.identity.node import Identity, accept, key_of
from ..live.process import ONE_THREAD
from ..live.split.ask import Split
from .overhead_peer import HTTP, NODES, SEATS, pin

MOST_ADDED_S = 0.3e-3  # by the median, for the small tensor
QUICK_SHARE = 0.5
SIZES = {"4 kB": 1_000, "602 kB": 150_528}  # numbers; the second is a picture of 3 x 224 x 224
COUNTS = {"4 kB": 100, "602 kB": 20}  # requests per turn
JSON_SHARE = 10  # so many times fewer of those, they take so much longer
WARM = 20
PEER = "ganglion.bench.overhead_peer"
Ask = Callable[[], Awaitable[None]]
Times = list[tuple[float, float]]  # wall and CPU seconds of each request
Result = dict[str, Any]


def run(quick: bool, seed: int) -> Result:
    """Medians over interleaved turns: the runtime's own call, the same through a split, and as JSON over HTTPS."""
    turns, had = (5 if quick else 30), os.sched_getaffinity(0)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            identities(folder)
            command = [sys.executable, "-m", PEER, str(folder / NODES[1])]
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            with subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, **pipes) as peer:
                assert peer.stdout is not None and peer.stdin is not None
                pin(0)  # after the other has begun, for it would inherit this
                line = peer.stdout.readline().split()
                if len(line) != 2:
                    raise Unreachable(f"the far side ended with {peer.wait()}; run it again with -v")
                rows = uvloop.run(_measure(folder, (int(line[0]), int(line[1])), turns, seed))
                peer.stdin.close()
    finally:
        os.sched_setaffinity(0, had)
    by = {row["what"]: row for row in rows}
    size = next(iter(SIZES))
    ours = by[f"split, {size}"]
    if quick:  # a busy machine's milliseconds say little: the ratio to the other way over the same link does
        ours |= {
            "bar": f"p50 <= {QUICK_SHARE:g} of JSON's",
            "ok": ours["p50_ms"] <= QUICK_SHARE * by[f"json, {size}"]["p50_ms"],
        }
    else:
        ours |= {"bar": f"added <= {1e3 * MOST_ADDED_S:g} ms", "ok": ours["added_ms"] <= 1e3 * MOST_ADDED_S}
    return {"rows": rows, "ok": ours["ok"]}


def identities(folder: Path) -> None:
    """One for each of the two places, of one authority."""
    authority = create_authority(folder / "authority")
    for seat in SEATS:
        own = folder / seat.node
        accept(own, authority.issue(request(key_of(own), seat.node), seat.node, seat.zone))


async def _measure(folder: Path, ports: tuple[int, int], turns: int, seed: int) -> list[Result]:
    identity = Identity.load(folder / NODES[0])
    rng, rows = np.random.default_rng(seed), []
    connector = aiohttp.TCPConnector(ssl=identity.client(HTTP))
    async with aiohttp.ClientSession(connector=connector) as session:
        for size, numbers in SIZES.items():
            seats = (SEATS[0], replace(SEATS[1], port=ports[0]))
            model = no_op(numbers)
            split = Split(model, identity, seats, stream(seed, "overhead"))
            await split.start(fallback=False)
            await split.linked()
            await split.open("split", Cut((0, 1), model.model.weights), ("raw",))
            x = rng.normal(size=(1, numbers)).astype(np.float32)
            asks = _asks(model, split, _poster(session, ports[1], x), x)
            rows += _rows(size, await _taken(asks, turns, COUNTS[size], rng))
            await split.close()
    return rows


def _asks(model: Any, split: Split, post: Ask, x: Any) -> dict[str, Ask]:
    """Each way to have the sign of every number changed twice."""
    whole = model.open(model.cut(model.whole()))

    async def runtime() -> None:
        whole({"x0": x})

    async def asked() -> None:
        reply = await split.ask({"x0": x})
        assert reply.outputs["x2"].shape == x.shape

    return {"runtime": runtime, "split": asked, "json": post}


def _poster(session: aiohttp.ClientSession, port: int, x: Any) -> Ask:
    url, host = f"https://127.0.0.1:{port}/", zone_host(SEATS[1].zone)

    async def post() -> None:
        data = json.dumps({"data": x.tolist()})
        async with session.post(url, data=data, server_hostname=host) as answer:
            assert len(json.loads(await answer.read())["data"][0]) == x.shape[1]

    return post


async def _taken(asks: dict[str, Ask], turns: int, count: int, rng: np.random.Generator) -> dict[str, Times]:
    """Seconds of each request by each way; the first ones warm up and are not counted."""
    taken: dict[str, Times] = {kind: [] for kind in asks}
    plain = [kind for kind in asks if kind != "json"]
    for turn in range(turns + 1):
        for _ in range(count if turn else WARM):  # one by one, so that a slower spell meets both alike
            for kind in rng.permutation(plain):
                taken[kind] += [await _timed(asks[kind])][: bool(turn)]
        for _ in range(max(count // JSON_SHARE, 1)):
            taken["json"] += [await _timed(asks["json"])][: bool(turn)]
    return taken


async def _timed(ask: Ask) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this thread; what the far side computes is not among the latter."""
    began_s, cpu_s = time.perf_counter(), time.thread_time()
    await ask()
    return time.perf_counter() - began_s, time.thread_time() - cpu_s


def _rows(size: str, taken: dict[str, Times]) -> list[Result]:
    raw_s, rows = float(np.median([wall_s for wall_s, _ in taken["runtime"]])), []
    for kind, times in taken.items():
        seconds = [wall_s for wall_s, _ in times]
        row: Result = {"what": f"{kind}, {size}", "requests": len(seconds)}
        row |= {f"p{level}_ms": round(1e3 * float(np.percentile(seconds, level)), 4) for level in (50, 99)}
        added_s = float(np.median(seconds)) - raw_s
        row["near_cpu_ms"] = round(1e3 * float(np.median([cpu_s for _, cpu_s in times])), 4)
        row["added_ms"] = None if kind == "runtime" else round(1e3 * added_s, 4)
        rows.append(row)
    return rows
