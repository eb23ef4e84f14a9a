"""A place that comes back without its cuts is given them again: after kill -9, and in the middle of a row."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from split_places import ZONES, identities, network, sample
from test_split import cut_after
from wire_fleet import run

from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, Zone
from ganglion.core.ports import Tell
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.live.split.ask import Split
from ganglion.live.split.asked import Reply
from ganglion.live.split.hops import Seat
from ganglion.live.split.messages import Body, Open, Opened
from ganglion.live.split.opening import Opener
from ganglion.live.split.place import Attached, Place
from ganglion.live.split.serve import Server
from ganglion.live.split.shares import share_out
from ganglion.live.split.stage import Stage
from ganglion.live.split.weights import Weights

pytestmark = pytest.mark.live
SCRIPT = Path(__file__).with_name("split_process.py")
AGAIN_S = 40.0  # for a place to start, be dialled and opened again on a busy machine


async def started(folder: Path, port: int) -> tuple[Process, int]:
    """A place in a process of its own, and where it listens."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(SCRIPT), str(folder), str(port), stdout=PIPE)
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


async def until_whole(split: Split) -> Reply:
    """Asks until places beyond answer again."""
    async with asyncio.timeout(AGAIN_S):
        while (reply := await split.ask({"x": sample()})).degraded:
            await asyncio.sleep(0.02)
    return reply


def test_a_killed_place_is_opened_again_and_no_request_is_lost(tmp_path: Path) -> None:
    model = network()
    expected = model.run({"x": sample()}).outputs

    async def work() -> None:
        near, _ = identities(tmp_path, (Zone.DEVICE, Zone.EDGE))
        process, port = await started(tmp_path / "place-1", 0)
        seats = (Seat(NodeId("place-0"), Zone.DEVICE), Seat(NodeId("place-1"), Zone.EDGE, port=port))
        split = Split(model, near, seats, stream(1, 0))
        await split.start()
        try:
            await split.linked()
            moved = await split.open("far", cut_after(model, 3), ("raw",))
            assert moved > 0
            assert (await split.ask({"x": sample()})).way == "far"
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
            alone = await split.ask({"x": sample()})
            assert alone.degraded
            np.testing.assert_allclose(alone.outputs["late"], expected["late"], rtol=0, atol=2e-6)
            process, _ = await started(tmp_path / "place-1", port)  # it kept nothing
            reply = await until_whole(split)
            assert reply.way == "far"
            assert reply.sent_bytes > 0
            for name, value in expected.items():
                np.testing.assert_allclose(reply.outputs[name], value, rtol=0, atol=2e-6)
        finally:
            await split.close()
            if process.returncode is None:
                process.kill()
                await process.wait()

    run(work())


def test_a_place_in_the_middle_of_a_row_says_what_the_one_behind_it_has_lost(tmp_path: Path) -> None:
    model = network()

    async def work() -> None:
        known = identities(tmp_path, ZONES[:3])
        seats = tuple(Seat(NodeId(f"place-{at}"), zone) for at, zone in enumerate(ZONES[:3]))
        last = Server(known[2], seats, 2, Weights({}), stream(1, 2))
        seats = (*seats[:2], replace(seats[2], port=await last.start()))
        middle = Server(known[1], seats, 1, Weights({}), stream(1, 1))
        seats = (seats[0], replace(seats[1], port=await middle.start()), seats[2])
        split = Split(model, known[0], seats, stream(1, 0))
        await split.start()
        try:
            await split.linked()
            assert await split.open("far", cut_after(model, 3, 7), ("raw", "raw")) > 0
            assert not (await split.ask({"x": sample()})).degraded
            await last.close()
            last = Server(known[2], seats, 2, Weights({}), stream(1, 9))
            await last.start()
            assert (await until_whole(split)).way == "far"
        finally:
            await split.close()
            await asyncio.gather(middle.close(), last.close())

    run(work())


def test_opening_what_is_open_keeps_it_and_other_graphs_replace_it() -> None:
    model = network()
    told: list[Body] = []

    def tell(body: Body, attached: Attached = (), left_s: float | None = None, lost: Tell | None = None) -> None:
        told.append(body)

    async def opened(place: Place, end: int) -> Stage:
        shared = share_out(model, cut_after(model, end), ("raw",))
        own, count = len(shared.shares[0].parts), len(told)
        graphs = [(Ref("~graph", len(one), PUBLIC_RAW), np.frombuffer(one, np.uint8)) for one in shared.graphs[own:]]
        place.hear(False, Open("far", shared.shares[1:]), graphs, None)
        async with asyncio.timeout(AGAIN_S):
            while len(told) == count:
                await asyncio.sleep(0)
        return place.stages["far"]

    async def work() -> None:
        place = Place(Zone.EDGE, None, tell, tell, Opener(1, Weights(model.weights), tell, tell))
        first = await opened(place, 3)
        assert await opened(place, 3) is first
        assert await opened(place, 5) is not first
        place.close()

    run(work())
    assert told == [Opened("far", 0)] * 3
