"""What splitting itself costs: a model that does nothing, asked over mutual TLS, against calling the runtime here.

Beside it the floor, which is the same bytes there and back over the same TLS and nothing else; a split whose two ends
go to sleep while they wait, as they do over slower links; and JSON over HTTPS.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import uvloop

from ..core.cut import Cut
from ..core.errors import Unreachable
from ..core.rng import stream
from ..engine.onnx.captured import Captured
from ..engine.onnx.no_op import no_op
from ..live.identity.authority import create_authority
from ..live.identity.certificates import request
from ..live.identity.names import zone_host
from ..live.identity.node import Identity, accept, key_of
from ..live.process import ONE_THREAD
from ..live.split.ask import Split
from ..live.split.hops import Seat
from .overhead_floor import Floor, connect, message_of
from .overhead_peer import AWAKE_S, HTTP, NODES, PORTS, SEATS, pin

MOST_ADDED_S = 0.3e-3  # by the median, for the small tensor
QUICK_SHARE = 0.5
SIZES = {"4 kB": 1_000, "602 kB": 150_528}  # numbers; the second is a picture of 3 x 224 x 224
COUNTS = {"4 kB": 100, "602 kB": 20}  # requests per turn
JSON_SHARE = 10  # so many times fewer of those, they take so much longer
WARM = 20
BLOCK = 10  # requests of a kind in a row, of which the first is not counted
PAUSE_S = 0.003  # between blocks: an end that stays awake for one kind does not for the next
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
                if len(line) != PORTS:
                    raise Unreachable(f"the far side ended with {peer.wait()}; run it again with -v")
                rows = uvloop.run(_measure(folder, [int(port) for port in line], turns, seed))
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


async def _measure(folder: Path, ports: list[int], turns: int, seed: int) -> list[Result]:
    identity = Identity.load(folder / NODES[0])
    rng, rows = np.random.default_rng(seed), []
    connector = aiohttp.TCPConnector(ssl=identity.client(HTTP))
    floor = await connect(identity, zone_host(SEATS[1].zone), ports[2])
    async with aiohttp.ClientSession(connector=connector) as session:
        for size, numbers in SIZES.items():
            model = no_op(numbers)
            splits = [
                await _opened(Split(model, identity, _seats(port), stream(seed, "overhead"), awake_s), model)
                for port, awake_s in zip(ports, AWAKE_S, strict=False)
            ]
            x = rng.normal(size=(1, numbers)).astype(np.float32)
            asks = _asks(model, splits, floor, x) | {"json": _poster(session, ports[3], x)}
            rows += _rows(size, await _taken(asks, turns, COUNTS[size], rng))
            for split in splits:
                await split.close()
    floor.close()
    return rows


def _seats(port: int) -> tuple[Seat, ...]:
    return SEATS[0], replace(SEATS[1], port=port)


async def _opened(split: Split, model: Captured) -> Split:
    await split.start(fallback=False)
    await split.linked()
    await split.open("split", Cut((0, 1), model.model.weights), ("raw",))
    return split


def _asks(model: Captured, splits: list[Split], floor: Floor, x: Any) -> dict[str, Ask]:
    """Each way to have the sign of every number changed twice, and the floor, which changes nothing."""
    whole, message = model.open(model.cut(model.whole())), message_of(x.shape[1])

    async def runtime() -> None:
        whole({"x0": x})

    async def asked(split: Split) -> None:
        reply = await split.ask({"x0": x})
        assert reply.outputs["x2"].shape == x.shape

    awake, asleep = (partial(asked, split) for split in splits)
    return {"runtime": runtime, "floor": partial(floor.ask, message), "split": awake, "split asleep": asleep}


def _poster(session: aiohttp.ClientSession, port: int, x: Any) -> Ask:
    url, host = f"https://127.0.0.1:{port}/", zone_host(SEATS[1].zone)

    async def post() -> None:
        data = json.dumps({"data": x.tolist()})
        async with session.post(url, data=data, server_hostname=host) as answer:
            assert len(json.loads(await answer.read())["data"][0]) == x.shape[1]

    return post


async def _taken(asks: dict[str, Ask], turns: int, count: int, rng: np.random.Generator) -> dict[str, Times]:
    """Seconds of each request by each way; the first turn warms up and is not counted."""
    taken: dict[str, Times] = {kind: [] for kind in asks}
    plain = [kind for kind in asks if kind != "json"]
    for turn in range(turns + 1):
        for _ in range((count if turn else WARM) // BLOCK):  # in small blocks, so that a slower spell meets all alike
            for kind in rng.permutation(plain):
                await asyncio.sleep(PAUSE_S)
                times = [await _timed(asks[kind]) for _ in range(BLOCK)]
                taken[kind] += times[1:] if turn else []
        for _ in range(max(count // JSON_SHARE, 1)):
            taken["json"] += [await _timed(asks["json"])][: bool(turn)]
    return taken


async def _timed(ask: Ask) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this thread; what the far side computes is not among the latter."""
    began_s, cpu_s = time.perf_counter(), time.thread_time()
    await ask()
    return time.perf_counter() - began_s, time.thread_time() - cpu_s


def _rows(size: str, taken: dict[str, Times]) -> list[Result]:
    p50 = {kind: 1e3 * float(np.median([wall_s for wall_s, _ in times])) for kind, times in taken.items()}
    rows = []
    for kind, times in taken.items():
        row: Result = {"what": f"{kind}, {size}", "requests": len(times), "p50_ms": round(p50[kind], 4)}
        row["p99_ms"] = round(1e3 * float(np.percentile([wall_s for wall_s, _ in times], 99)), 4)
        row["near_cpu_ms"] = round(1e3 * float(np.median([cpu_s for _, cpu_s in times])), 4)
        row["added_ms"] = None if kind == "runtime" else round(p50[kind] - p50["runtime"], 4)
        row["over_floor_ms"] = round(p50[kind] - p50["runtime"] - p50["floor"], 4) if "split" in kind else None
        rows.append(row)
    return rows
