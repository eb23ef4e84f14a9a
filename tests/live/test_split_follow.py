"""A split model follows its link: it changes to what is planned for a rate, and loses nothing when the link is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from split_places import ZONES, identities, network, sample
from wire_fleet import run

from ganglion.core.cut import Cut
from ganglion.core.fleet import Link, NodeId
from ganglion.core.rng import stream
from ganglion.live.shaper import ShapedLink
from ganglion.live.split.ask import Split
from ganglion.live.split.follow import Follow
from ganglion.live.split.hops import Seat
from ganglion.live.split.link_time import probed
from ganglion.live.split.serve import Server
from ganglion.live.split.weights import Weights
from ganglion.watch import Replan, Way, Ways

pytestmark = pytest.mark.live
WIDTH = 1024
LINES = (Way("here", 0.1), Way("there", 0.001, 0.001, 4.0 * WIDTH))  # there is better above 42 kB/s


@pytest.mark.slow
def test_it_changes_with_the_rate_and_loses_nothing_with_the_link(tmp_path: Path) -> None:
    model = network(depth=2, exits=False, width=WIDTH)
    x = {"x": sample(width=WIDTH)}
    expected = model.run(x).outputs["late"]
    kernels = len(model.model.kernels)

    async def work() -> None:
        seats = tuple(Seat(NodeId(f"place-{number}"), zone) for number, zone in enumerate(ZONES[:2]))
        known = identities(tmp_path, ZONES[:2])
        server = Server(known[1], seats, 1, Weights(model.weights), stream(1, 1))  # nothing large is to move
        far = await server.start()
        # 400 kB/s and then 8 kB/s
        trace = ((0.0, 400e3), (8.0, 8e3), (90.0, 8e3))
        link = ShapedLink(("127.0.0.1", far), Link("radio", 400e3, 400e3, 0.005, trace=trace))
        port = await link.start()
        split = Split(model, known[0], (seats[0], replace(seats[1], port=port)), stream(1, 0))
        await split.start()
        follow = Follow(split, Replan(Ways.of(LINES, 0.01)))
        try:
            await split.linked()
            await split.open("here", Cut((0,) * kernels, model.model.weights), ())
            await split.open("there", Cut((1,) * kernels, model.model.weights), ("raw",))
            assert (await follow.ask(x)).way == "here"  # nothing is known of the link yet, but it is being probed
            used: list[str] = []
            async with asyncio.timeout(40.0):
                while used[-3:] != ["there"] * 3:
                    used.append((await follow.ask(x)).way)
                while used[-3:] != ["here"] * 3:  # the rate fell
                    reply = await follow.ask(x, deadline_s=1.0)
                    np.testing.assert_allclose(reply.outputs["late"], expected, rtol=0, atol=1e-5)
                    used.append(reply.way)
            assert follow.changes >= 2
            split.use("there")
            asked = [asyncio.create_task(split.ask(x, way="there")) for _ in range(3)]
            await asyncio.sleep(0)
            link.cut(reset=True)
            for reply in await asyncio.gather(*asked):
                np.testing.assert_allclose(reply.outputs["late"], expected, rtol=0, atol=1e-5)
            assert not follow.replan.up
            assert (await follow.ask(x)).way == "here"
        finally:
            await follow.close()
            await split.close()
            await link.close()
            await server.close()

    run(work())


def test_a_link_is_measured_over_the_wire(tmp_path: Path) -> None:
    async def work() -> None:
        seats = tuple(Seat(NodeId(f"place-{number}"), zone) for number, zone in enumerate(ZONES[:2]))
        known = identities(tmp_path, ZONES[:2])
        server = Server(known[1], seats, 1, Weights({}), stream(1, 1))
        link = ShapedLink(("127.0.0.1", await server.start()), Link("radio", 400e3, 400e3, 0.02))
        split = Split(network(), known[0], (seats[0], replace(seats[1], port=await link.start())), stream(1, 0))
        await split.start(fallback=False)
        try:
            await split.linked()
            found = await probed(split)
            assert found.bytes_s == pytest.approx(400e3, rel=0.15)
            assert 0.035 < found.start_s < 0.12  # there and back, and what the processes themselves take
        finally:
            await split.close()
            await link.close()
            await server.close()

    run(work())
