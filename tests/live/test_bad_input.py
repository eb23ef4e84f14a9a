"""Seven kinds of bad input to a round, raw and compressed: each is refused with a reason, and the round goes on."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from picows import WSMsgType
from wire_fleet import bare, hello, run

from ganglion.bench.fl_fleet import CLOUD, Story, begin, edges
from ganglion.bench.fl_live import setup
from ganglion.core.blob import arrays_of_bytes, arrays_to_bytes
from ganglion.core.compute import Sgd
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.ports import Parcel
from ganglion.core.process import Lane
from ganglion.core.ref import Ref, digest_of
from ganglion.core.rng import stream
from ganglion.core.tensors import Tensors
from ganglion.core.update import Counted
from ganglion.flow.round.messages import Learnt, Rejected, Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Progress, TrainOver, Until
from ganglion.learn.compress import Compress, TopK
from ganglion.live.agent_file import read_agent_file
from ganglion.live.identity.node import Identity
from ganglion.live.supervisor import LiveFleet
from ganglion.live.wire.dial import ALPN
from ganglion.live.wire.frame import HEADER, MAGIC, VERSION, Kind

GOOD, BAD, STRANGER = NodeId("edge-1"), NodeId("edge-2"), NodeId("edge-3")
RAW: tuple[tuple[str, float | str], ...] = ()
FEW: tuple[tuple[str, float | str], ...] = (("name", "dgc"), ("share", 0.2), ("momentum", 0.0), ("deflate", 0.0))
Arrays = dict[str, NDArray[np.generic]]


def not_finite(arrays: Arrays) -> Arrays:
    """One number of an update, raw or packed."""
    if "packed" in arrays:
        raw = arrays["packed"].tobytes()[:-4] + struct.pack("<f", np.nan)
        return {**arrays, "packed": np.frombuffer(raw, np.uint8)}
    name = next(name for name in arrays if name.startswith("delta"))
    return {**arrays, name: np.full_like(arrays[name], np.nan)}


def of_another_shape(arrays: Arrays) -> Arrays:
    """Of a larger model, or with a tensor cut short."""
    if "packed" in arrays:
        other = Tensors.of({"w": np.arange(1.0, 5001.0)})
        raw, _ = Compress(TopK(0.01), deflate=False).encode(other, 0, stream(0, "x"), {})
        return {**arrays, "packed": np.frombuffer(raw, np.uint8)}
    name = next(name for name in arrays if name.startswith("delta"))
    return {**arrays, name: arrays[name][:-1].copy()}


def forged(parcel: Parcel, change: Callable[[Arrays], Arrays]) -> Parcel:
    """The same message with another blob, and the digest that this has."""
    ((_, array),) = parcel.attached
    raw = arrays_to_bytes(change(arrays_of_bytes(array.tobytes())))
    ref = Ref(digest_of(raw), len(raw), PUBLIC_UPDATE)
    body = replace(parcel.body, update=Counted(ref, parcel.body.update.weight))
    return replace(parcel, body=body, attached=((ref, np.frombuffer(raw, np.uint8)),))


def stale(parcel: Parcel) -> Parcel:
    """An answer to the round before."""
    return replace(parcel, body=replace(parcel.body, number=parcel.body.number - 1))


class Replayed:
    """The first update again, under the number of each later round."""

    def __init__(self) -> None:
        self.first: Parcel | None = None

    def __call__(self, parcel: Parcel) -> Parcel:
        self.first = self.first or parcel
        return replace(parcel, body=replace(self.first.body, number=parcel.body.number), attached=self.first.attached)


def played(change: Callable[[Parcel], Parcel], compress: Any) -> Story:
    """Three rounds of two clients, of which one's updates are changed on their way."""
    story = begin(edges(3), 1)

    def meddle(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        return change(parcel) if sender == BAD and isinstance(parcel.body, Learnt) else parcel

    story.world.wires.meddle = meddle
    terms = Terms(0, how=Sgd(0.1), compress=compress)
    story.world.begin(CLOUD, Train(0, terms, (GOOD, BAD), Choice(count=2), Until(3), patience_s=8.0))
    return story


CASES = [
    (not_finite, "not finite", "not finite"),
    (of_another_shape, "its shape is not the base's", "do not fit|not below|more than the"),
    (stale, "is not asked about", "is not asked about"),
    (Replayed(), "it was made for round 1", "it was made for round 1"),
]


@pytest.mark.parametrize("compress", [RAW, FEW], ids=["raw", "compressed"])
@pytest.mark.parametrize("case", CASES, ids=["nan", "shape", "stale", "replayed"])
def test_a_bad_update_is_refused_and_the_round_goes_on(case: tuple[Any, str, str], compress: Any) -> None:
    change, raw_why, few_why = case
    whole = change if change is stale else Replayed() if isinstance(change, Replayed) else None
    story = played(whole or (lambda parcel: forged(parcel, change)), compress)
    over = story.over(120.0)
    assert over is not None and over.why == "rounds"
    told, patterns = story.told(Rejected), (few_why if compress else raw_why).split("|")
    assert told and {one.client for one in told} == {BAD}
    assert all(any(pattern in one.why for pattern in patterns) for one in told), told
    counted = [one.counted for one in story.told(Progress)[1:]]
    assert counted == ([(GOOD, BAD), (GOOD,), (GOOD,)] if isinstance(change, Replayed) else [(GOOD,)] * 3)


def test_an_unknown_client_is_refused_and_the_round_goes_on() -> None:
    story = played(lambda parcel: parcel, FEW)
    story.world.rest(0.3)
    update = Counted(Ref("0" * 64, 1, PUBLIC_UPDATE), 1.0)
    story.world.wires.deliver[CLOUD](STRANGER, Parcel("round", "1", Learnt(1, update, 1), Lane.CONTROL))
    assert story.over(120.0) is not None
    assert [(one.client, one.why) for one in story.told(Rejected)] == [(STRANGER, "nobody asked this client")]
    assert [one.counted for one in story.told(Progress)[1:]] == [(GOOD, BAD)] * 3


def frame(data_bytes: int) -> bytes:
    """A parcel's header alone, that announces so many bytes to come."""
    return HEADER.pack(MAGIC, VERSION, Kind.PARCEL, 0, Lane.CONTROL, 1, 16, 1, data_bytes)


@pytest.mark.live
def test_oversize_and_truncated_frames_are_refused_and_the_round_goes_on(tmp_path: Path) -> None:
    """An edge whose process is not ours any more: it has the right certificate, and is one of the round's clients."""
    clients = tuple(NodeId(f"edge-0{place}") for place in range(3))
    said: list[str] = []

    with LiveFleet(setup(3), tmp_path / "fleet", 1, shaped=False) as running:
        terms = Terms(0, how=Sgd(0.05, epochs=1, batch=16), compress=(("name", "even"),))
        running.kill(clients[2])
        folder = tmp_path / "fleet" / clients[2]
        identity, file = Identity.load(folder), read_agent_file(folder)
        assert file.parent is not None
        port, host = file.parent[1], Identity.load(tmp_path / "fleet" / CLOUD).name.host
        running.begin(CLOUD, Train(0, terms, clients, Choice(count=3), Until(3), quorum=2, enough=2, patience_s=60.0))

        async def attack() -> None:
            for raw in (frame(1 << 40), frame(4096) + b"x" * 100):
                transport, peer = await bare(identity.client(ALPN), port, "control", host)
                transport.send(WSMsgType.BINARY, hello(Lane.CONTROL))
                transport.send(WSMsgType.BINARY, raw)
                said.append(await peer.ends())
                transport.disconnect()
                await transport.wait_disconnected()

        run(attack())
        over: TrainOver = running.wait(lambda _, body: isinstance(body, TrainOver), 120.0)
        steps = [body for _, _, body in running.facts if isinstance(body, Progress)]
    assert "over the limit" in said[0] or "limit" in said[0], said
    assert len(said) == 2 and said[1] not in ("", "closed", "broken"), said
    assert over.why == "rounds" and {one.counted for one in steps[1:]} == {clients[:2]}
