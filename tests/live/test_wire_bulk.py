"""The bulk lane: blobs by range, resumed; mail for who cannot be dialled; pacing; and HTTP's own face."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray
from wire_fleet import CLOUD, CODEC, EDGE, PUBLIC, QUICK, Station, held, pair, parcel, run

from ganglion.core.fleet import NodeId
from ganglion.core.ports import Parcel
from ganglion.core.process import Lane
from ganglion.core.ref import Ref
from ganglion.flow.fetch.messages import Got, Piece, Pull, Push
from ganglion.live.wire.caller import HTTP
from ganglion.live.wire.frame import encode
from ganglion.live.wire.pace import Bucket
from ganglion.live.wire.transfer import HEAD, head_to_text

BLOB = np.random.default_rng(1).integers(0, 256, 1_000_001, np.uint8)
REF = Ref(hashlib.sha256(BLOB.tobytes()).hexdigest(), len(BLOB), PUBLIC)
CHUNK = 300_000


def bulk(body: Any, array: NDArray[np.uint8] | None = None, **more: Any) -> Parcel:
    """A message of the flow `fetch`; what is attached belongs to its `data`."""
    attached = () if array is None else ((body.data, array),)
    return Parcel("fetch", "", body, Lane.BULK, attached=attached, **more)


class Shelf:
    """The smallest node that stores blobs: it answers Pull and Push as they come."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.held: dict[str, bytearray] = {}
        station.answer = self.answer

    def answer(self, sender: NodeId, parcel: Parcel) -> None:
        """What `fetch` would do."""
        body = parcel.body
        blob = self.held.get(getattr(getattr(body, "ref", None), "digest", ""))
        if isinstance(body, Pull):
            if blob is None:
                self.station.send(sender, bulk(Got(body.ref, -1)))
                return
            part = np.frombuffer(bytes(blob[body.start : body.start + body.size]), np.uint8)
            data = Ref(f"~cloud/{body.start}", len(part), body.ref.label)
            self.station.send(sender, bulk(Piece(body.ref, body.start, data), part))
        elif isinstance(body, Push):
            blob = self.held.setdefault(body.ref.digest, bytearray())
            if body.data is not None and body.start == len(blob):
                blob += parcel.attached[0][1].tobytes()
            self.station.send(sender, bulk(Got(body.ref, len(blob))))


def test_a_blob_is_pulled_piece_by_piece_and_resumes_after_a_cut(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, port = await pair(tmp_path)
        Shelf(cloud).held[REF.digest] = bytearray(BLOB.tobytes())
        got, heard = bytearray(), 0
        while len(got) < len(BLOB):
            until = min(len(got) + CHUNK, len(BLOB))
            edge.send(CLOUD, bulk(Pull(REF, len(got), until - len(got)), name="pull"))
            while len(got) < until:
                heard += 1
                piece = await edge.hears(heard)
                assert isinstance(piece.body, Piece) and piece.body.start == len(got) and piece.body.ref == REF
                assert piece.attached[0][0] == piece.body.data
                got += piece.attached[0][1].tobytes()
            if len(got) == 2 * CHUNK:  # the server dies and comes back; the transfer goes on where it was
                await cloud.net.close()
                await edge.linked(False)
                cloud = Station(cloud.identity)
                Shelf(cloud).held[REF.digest] = bytearray(BLOB.tobytes())
                await cloud.net.start(("127.0.0.1", port), None)
                await edge.linked()
        assert hashlib.sha256(got).hexdigest() == REF.digest
        assert [body.body.size for _, body in cloud.heard] == [CHUNK, len(BLOB) - 3 * CHUNK]
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_what_came_before_a_connection_broke_is_heard(tmp_path: Path) -> None:
    """The link is slow and ends in the middle of a chunk: all whole parts of it have been handed on, and the rest."""

    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        Shelf(cloud).held[REF.digest] = bytearray(BLOB.tobytes())
        cloud.net.pace(EDGE, 1e6)
        edge.send(CLOUD, bulk(Pull(REF, 5, CHUNK), name="pull"))
        await edge.hears(1)
        await cloud.net.close()
        assert (await edge.fails()).name == "pull"
        got = b"".join(parcel.attached[0][1].tobytes() for _, parcel in edge.heard)
        assert 0 < len(got) < CHUNK and got == BLOB.tobytes()[5 : 5 + len(got)]
        at = 5
        for _, one in edge.heard:
            assert one.body.start == at and one.body.data.size_bytes == len(one.attached[0][1])
            at += one.body.data.size_bytes
        await edge.net.close()

    run(work())


def test_a_blob_is_pushed_from_where_the_other_side_stands(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        shelf = Shelf(cloud)
        shelf.held[REF.digest] = bytearray(BLOB[:CHUNK].tobytes())  # what an earlier attempt has left
        edge.send(CLOUD, bulk(Push(REF, 0)))
        got = (await edge.hears()).body
        assert got == Got(REF, CHUNK)
        while got.held < len(BLOB):
            part = BLOB[got.held : got.held + CHUNK]
            data = Ref(f"~edge-1/{got.held}", len(part), PUBLIC)
            edge.send(CLOUD, bulk(Push(REF, got.held, data), part))
            got = (await edge.hears(len(edge.heard) + 1)).body
        assert hashlib.sha256(shelf.held[REF.digest]).hexdigest() == REF.digest
        assert not edge.failed
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_what_is_not_there_is_answered_and_what_is_not_answered_fails(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        Shelf(cloud)
        edge.send(CLOUD, bulk(Pull(REF, 0, 10)))
        assert (await edge.hears()).body == Got(REF, -1)
        cloud.answer = lambda sender, parcel: None
        edge.send(CLOUD, bulk(Pull(REF, 0, 10), left_s=0.1, name="late"))
        assert (await edge.fails()).name == "late"
        edge.send(CLOUD, bulk(Pull(REF, 0, 10), name="cut"))
        await cloud.hears(3)
        await cloud.net.close()
        cut = await edge.fails(2)
        assert cut.name == "cut"
        await edge.net.close()

    run(work())


def test_the_side_that_cannot_dial_sends_bulk_too(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        Shelf(edge).held[REF.digest] = bytearray(BLOB.tobytes())
        for count in range(1, 6):
            cloud.send(EDGE, parcel(count, Lane.BULK, attached=(held(BLOB, str(count)),)))
        await edge.hears(5)
        assert [got.body.samples for _, got in edge.heard] == [1, 2, 3, 4, 5]
        np.testing.assert_array_equal(edge.heard[4][1].attached[0][1], BLOB)
        cloud.send(EDGE, bulk(Pull(REF, 7, 11)))  # the cloud asks; the edge's piece goes up as any parcel does
        piece = await cloud.hears()
        assert isinstance(piece.body, Piece)
        assert piece.attached[0][1].tobytes() == BLOB[7:18].tobytes()
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_mail_that_nobody_fetches_in_time_is_dropped(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path, replace(QUICK, queue_bytes=0, bulk_bytes=100))
        cloud.send(EDGE, parcel(1, Lane.BULK, attached=(held(np.zeros(101, np.uint8)),), name="too much"))
        assert (await cloud.fails()).name == "too much"
        cloud.send(EDGE, parcel(1, Lane.BULK, left_s=-1.0, name="late"))
        assert (await cloud.fails(2)).name == "late"
        assert cloud.net.counts.late_out == 1
        await edge.net.close()
        await cloud.net.close()

    run(work())


@pytest.mark.parametrize(
    ("path", "head", "status", "why"),
    [
        ("/v1/blobs/00", {}, 400, "shorter than its header"),
        ("/v1/blobs/00", {"Ganglion-Parcel": "%%"}, 400, "malformed"),
        ("/v1/parcels", {}, 204, ""),
        ("/v1/enrol", {}, 404, ""),
    ],
)
def test_http_answers_clearly(tmp_path: Path, path: str, head: dict[str, str], status: int, why: str) -> None:
    async def work() -> None:
        cloud, edge, port = await pair(tmp_path)
        url, host = f"https://127.0.0.1:{port}{path}", cloud.identity.name.host
        async with aiohttp.ClientSession() as session:
            context = edge.identity.client(HTTP)
            async with session.get(url, headers=head, ssl=context, server_hostname=host) as answer:
                assert answer.status == status
                assert why in await answer.text()
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_a_range_must_agree_with_the_parcel_it_carries(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, port = await pair(tmp_path)
        url = f"https://127.0.0.1:{port}/v1/blobs/{'0' * 64}"
        head, _, _ = encode(bulk(Pull(REF, 0, 10)), 0, CODEC)
        headers = {HEAD: head_to_text(head), "Range": "bytes=0-9"}
        tls, host = edge.identity.client(HTTP), cloud.identity.name.host
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers, ssl=tls, server_hostname=host) as answer,
        ):
            assert answer.status == 400
            assert "differs from the parcel" in await answer.text()
        assert not cloud.heard
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_pacing_lets_through_its_rate_and_no_more() -> None:
    async def work() -> None:
        now, slept = [0.0], []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

        bucket = Bucket(lambda: now[0], 1000.0, sleep)
        for _ in range(100):
            await bucket.take(100)
        assert now[0] == pytest.approx(10.0, abs=0.06)
        bucket.bytes_s = None
        before = len(slept)
        await bucket.take(10**9)
        assert len(slept) == before

    asyncio.run(work())


def test_a_paced_transfer_takes_its_time_and_arrives(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, edge, _ = await pair(tmp_path)
        edge.net.pace(CLOUD, 2e6)
        cloud.net.pace(EDGE, 2e6)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        edge.send(CLOUD, parcel(1, Lane.BULK, attached=(held(BLOB),)))
        cloud.send(EDGE, parcel(1, Lane.BULK, attached=(held(BLOB),)))
        await cloud.hears()
        await edge.hears()
        assert loop.time() - began_s >= 0.4  # a megabyte each, at two a second, less the burst
        await edge.net.close()
        await cloud.net.close()

    run(work())
