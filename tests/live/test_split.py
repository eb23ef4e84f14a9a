"""A split model answers as the whole does: any number of places, many requests in flight, re-cuts under them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from split_places import WIDTH, ZONES, network, places, sample
from wire_fleet import run

from ganglion.core.cut import Cut, random_cut
from ganglion.core.errors import ConfigError, NotFound, Refused, Unreachable
from ganglion.core.label import Tier, Zone
from ganglion.core.rng import stream
from ganglion.engine.onnx.captured import Captured

pytestmark = pytest.mark.live


def cut_after(model: Captured, *ends: int) -> Cut:
    """Kernels before the first number at place 0, and so on."""
    return Cut(
        tuple(int(np.searchsorted(ends, at, "right")) for at in range(len(model.model.kernels))), model.model.weights
    )


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_cut_answers_as_the_whole_does(tmp_path: Path, count: int) -> None:
    model = network()
    whole = [model.run({"x": sample(number)}).outputs for number in range(3)]

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:count]) as (split, _):
            for turn in range(4):
                cut = random_cut(model.model, count, stream(7, "cut", turn))
                await split.open(f"way {turn}", cut, ("raw",) * 3)
                split.use(f"way {turn}")
                for number, expected in enumerate(whole):
                    reply = await split.ask({"x": sample(number)})
                    assert set(reply.outputs) == {"early", "late"}
                    for name, value in expected.items():
                        np.testing.assert_allclose(reply.outputs[name], value, rtol=0, atol=2e-6)
                    assert not reply.degraded

    run(work())


def test_weights_move_once_whatever_is_cut(tmp_path: Path) -> None:
    model = network()
    layer = WIDTH * WIDTH * 4

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:3]) as (split, _):
            # kernels: m0 r0 m1 r1 early m2 r2 m3 r3 m4 r4 m5 r5 late
            assert await split.open("a", cut_after(model, 5, 9), ("raw", "raw")) == 4 * layer
            assert await split.open("again", cut_after(model, 5, 9), ("u8", "u4")) == 0
            assert await split.open("less", cut_after(model, 7, 9), ("raw", "raw")) == 0
            assert await split.open("later", cut_after(model, 7, 11), ("raw", "raw")) == layer  # m4 comes to place 1
            assert await split.open("back", cut_after(model, 5, 11), ("raw", "raw")) == 0
            assert await split.open("sooner", cut_after(model, 2, 9), ("raw", "raw")) == layer

    run(work())


def test_many_requests_in_flight_and_a_recut_loses_none(tmp_path: Path) -> None:
    model = network(depth=8)

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:3]) as (split, _):
            await split.open("one", cut_after(model, 3, 9), ("raw", "raw"))
            expected = [model.run({"x": sample(number)}).outputs["late"] for number in range(200)]

            async def ask(number: int) -> str:
                reply = await split.ask({"x": sample(number)})
                np.testing.assert_allclose(reply.outputs["late"], expected[number], rtol=0, atol=2e-6)
                return reply.way

            first = [asyncio.create_task(ask(number)) for number in range(100)]
            await asyncio.sleep(0)
            await split.open("two", cut_after(model, 7, 13), ("raw", "raw"))
            split.use("two")
            second = [asyncio.create_task(ask(number)) for number in range(100, 200)]
            await split.forget("one")
            assert set(await asyncio.gather(*first)) == {"one"}
            assert set(await asyncio.gather(*second)) == {"two"}
            with pytest.raises(NotFound, match="there are"):
                await split.ask({"x": sample()}, way="one")

    run(work())


def test_packed_tensors_are_smaller_and_close(tmp_path: Path) -> None:
    model = network(exits=False, width=256)
    x = sample(width=256)

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:2]) as (split, _):
            sent = {}
            for codec in ("raw", "u8", "u4"):
                await split.open(codec, cut_after(model, 5), (codec,))
                reply = await split.ask({"x": x}, way=codec)
                sent[codec] = reply.sent_bytes
                assert np.abs(reply.outputs["late"] - model.run({"x": x}).outputs["late"]).max() < 0.5
            assert sent["u8"] < 0.3 * sent["raw"]
            assert sent["u4"] < 0.2 * sent["raw"]

    run(work())


def test_a_private_sample_stays_where_it_may_be(tmp_path: Path) -> None:
    model = network()

    async def work() -> None:
        async with places(tmp_path, model, (Zone.DEVICE, Zone.EDGE, Zone.CLOUD)) as (split, _):
            await split.open("far", cut_after(model, 3, 9), ("raw", "raw"))
            await split.open("edge", cut_after(model, 3), ("raw",))
            await split.open("here", cut_after(model), ())
            with pytest.raises(Refused, match="tier user may not enter the edge"):
                await split.ask({"x": sample()}, tier=Tier.USER)
            with pytest.raises(Unreachable, match="tier edge may not go"):
                await split.ask({"x": sample()}, tier=Tier.EDGE, way="far")
            assert (await split.ask({"x": sample()}, tier=Tier.EDGE, way="edge")).way == "edge"
            assert (await split.ask({"x": sample()}, tier=Tier.USER, way="here")).sent_bytes == 0

    run(work())


def test_a_lost_link_answers_from_the_deepest_exit_here(tmp_path: Path) -> None:
    model = network()

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:2], fallback=True) as (split, servers):
            await split.open("far", cut_after(model, 2), ("raw",))
            whole = model.run({"x": sample()}).outputs
            assert (await split.ask({"x": sample()})).outputs.keys() == whole.keys()
            asked = [asyncio.create_task(split.ask({"x": sample()})) for _ in range(20)]
            await servers[0].close()
            for reply in await asyncio.gather(*asked):
                for name, value in reply.outputs.items():
                    np.testing.assert_allclose(value, whole[name], rtol=0, atol=2e-6)
            reply = await split.ask({"x": sample()})
            assert reply.degraded
            assert set(reply.outputs) == {"late"}
            with pytest.raises(Unreachable, match="link"):
                await split.ask({"x": sample()}, deadline_s=1e-9)

    run(work())


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    model = network()

    async def work() -> None:
        async with places(tmp_path, model, ZONES[:2]) as (split, _):
            with pytest.raises(ConfigError, match="add seats"):
                await split.open("far", cut_after(model, 2, 4), ("raw", "raw"))
            with pytest.raises(ConfigError, match="name a codec"):
                await split.open("bare", cut_after(model, 2), ())
            with pytest.raises(NotFound, match="open it first"):
                split.use("nothing")
            await split.open("fine", cut_after(model, 2), ("raw",))
            with pytest.raises(ConfigError, match="choose another"):
                await split.open("fine", cut_after(model, 2), ("raw",))
            with pytest.raises(ConfigError, match="in use"):
                await split.forget("fine")
            took_s = [await split.probe(size) for size in (10, 100_000)]
            assert all(seconds > 0.0 for seconds in took_s)

    run(work())
