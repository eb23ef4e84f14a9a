"""The hot lanes between two nodes in one loop: arrival, order, arrays, loss of the link, its return, and the tap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from wire_fleet import CLOUD, EDGE, QUICK, Station, held, identities, pair, parcel, run

from ganglion.core.process import Failed, Lane


def test_parcels_go_both_ways_on_every_lane(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        x = np.arange(300_000, dtype=np.float32).reshape(300, 1000)
        for count, lane in enumerate(Lane, start=1):
            edge.send(CLOUD, parcel(count, lane, attached=(held(x), held(np.array([7], np.uint8), "y"))))
            got = await cloud.hears(count)
            assert (got.body.samples, got.lane) == (count, lane)
            np.testing.assert_array_equal(got.attached[0][1], x)
            assert got.attached[1][1].tolist() == [7]
            cloud.send(EDGE, parcel(count, lane, attached=(held(x),)))
            back = await edge.hears(count)
            np.testing.assert_array_equal(back.attached[0][1], x)
        assert cloud.heard[0][0] == EDGE and edge.heard[0][0] == CLOUD
        assert not edge.failed and not cloud.failed
        await edge.net.close()
        await cloud.linked(False)
        await cloud.net.close()

    run(work())


def test_no_link_is_told_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        _, _, edge_id = identities(tmp_path)
        edge = Station(edge_id)
        await edge.net.start(None, ("127.0.0.1", 1))
        for lane in Lane:
            edge.send(CLOUD, parcel(1, lane, name=lane.name))
        assert [event.name for event in edge.failed if isinstance(event, Failed)] == ["CONTROL", "TENSOR", "BULK"]
        assert all("link down" in event.reason for event in edge.failed if isinstance(event, Failed))
        await edge.net.close()

    run(work())


def test_a_killed_server_is_found_again(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, port = await pair(tmp_path)
        await cloud.net.close()
        await edge.linked(False)
        edge.send(CLOUD, parcel(name="lost"))
        assert "link down" in edge.failed[-1].reason
        again = Station(cloud.identity)
        await again.net.start(("127.0.0.1", port), None)
        await edge.linked()
        edge.send(CLOUD, parcel(9))
        assert (await again.hears()).body.samples == 9
        assert [up for _, up in edge.links] == [True, False, True]
        await edge.net.close()
        await again.net.close()

    run(work())


def test_a_parcel_without_time_left_is_not_sent(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        for lane in Lane:
            edge.send(CLOUD, parcel(1, lane, left_s=0.0, name=lane.name))
        assert [event.name for event in edge.failed] == [lane.name for lane in Lane]
        assert edge.net.counts.late_out == 3
        edge.send(CLOUD, parcel(2, left_s=5.0))
        left_s = (await cloud.hears()).left_s
        assert left_s is not None and 0.0 < left_s < 5.0 + 1e-9
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_too_large_a_parcel_is_told_with_the_remedy(tmp_path: Path) -> None:
    async def work() -> None:
        small = replace(QUICK, control_bytes=1000, tensor_bytes=2000)
        cloud, edge, _ = await pair(tmp_path, small)
        edge.send(CLOUD, parcel(1, Lane.CONTROL, attached=(held(np.zeros(1001, np.uint8)),), name="c"))
        edge.send(CLOUD, parcel(1, Lane.TENSOR, attached=(held(np.zeros(2001, np.uint8)),), name="t"))
        assert [event.name for event in edge.failed] == ["c", "t"]
        assert all("send it on the BULK lane" in event.reason for event in edge.failed)
        edge.send(CLOUD, parcel(3, Lane.BULK, attached=(held(np.zeros(3000, np.uint8)),)))
        assert (await cloud.hears()).body.samples == 3
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_the_tap_sees_every_byte_on_every_lane(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        canary = np.random.default_rng(3).integers(0, 256, 300_000, np.uint8)
        for lane in Lane:
            for sender, to in ((edge, CLOUD), (cloud, EDGE)):
                sender.tapped.clear()
                hearer = cloud if sender is edge else edge
                count = len(hearer.heard) + 1
                sender.send(to, parcel(count, lane, attached=(held(canary),)))
                await hearer.hears(count)
                assert any(canary.tobytes() in seen for seen in sender.tapped), (lane, to)
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_large_transfers_show_the_rate(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        assert edge.net.link(CLOUD).bytes_s is None
        x = np.zeros(4_000_000, np.uint8)
        for count in range(1, 200):
            edge.send(CLOUD, parcel(count, Lane.TENSOR, attached=(held(x),)))
            await cloud.hears(count)
            if edge.net.link(CLOUD).bytes_s is not None:
                break
        rate = edge.net.link(CLOUD).bytes_s
        assert rate is not None and rate > 1e6
        assert cloud.net.link(EDGE).up and cloud.net.congestion
        await edge.net.close()
        await cloud.net.close()

    run(work())
