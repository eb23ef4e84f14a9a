"""Compressed updates over the wire: what a client remembers survives everything, stays at home and is not piled up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganglion.bench.fl_crash import story as crashed
from ganglion.bench.fl_fleet import CLOUD, begin, edges, tree
from ganglion.core.blob import arrays_of_bytes, tensors_of_bytes
from ganglion.core.compute import Sgd
from ganglion.core.fleet import Fleet, NodeId
from ganglion.core.ports import Parcel
from ganglion.core.ref import Ref
from ganglion.flow.buffer.cloud import Buffer
from ganglion.flow.buffer.messages import Pace
from ganglion.flow.round.learner import Learner
from ganglion.flow.round.messages import Learnt, Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Progress, TrainOver, Until
from ganglion.node.updates import get_parts

HOW = Sgd(0.1, epochs=1, batch=10)
Values = tuple[tuple[str, float | str], ...]
WAYS: dict[str, Values] = {
    "dgc": (("name", "dgc"), ("share", 0.1), ("momentum", 0.5), ("warm", 2.0)),
    "sign": (("name", "sign"),),
    "qsgd": (("name", "qsgd"), ("bits", 4.0)),
    "power_sgd": (("name", "power_sgd"), ("rank", 1.0), ("numbers", "even")),
}


def terms(way: str, **more: Any) -> Terms:
    return Terms(0, how=HOW, compress=WAYS[way], **more)


def clients(fleet: Fleet) -> tuple[NodeId, ...]:
    return tuple(node.id for node in fleet.children(CLOUD))


def rounds(fleet: Fleet, way: str, count: int, until: int = 4, **more: Any) -> Train:
    return Train(0, terms(way, **more), clients(fleet), Choice(count=count), Until(until), patience_s=900.0)


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_client_goes_on_with_what_it_remembered(way: str) -> None:
    """Else it would send other bytes, and the job would end in others."""
    fleet = edges(3)
    _, _, good = crashed(fleet, rounds(fleet, way, 3), 0, 0)
    assert good is not None and good.why == "rounds"
    for seed in range(1, 6):
        _, ledger, over = crashed(fleet, rounds(fleet, way, 3), seed, 4)
        assert over is not None and over.weights == good.weights and ledger.twice == 0, f"seed {seed}"


def test_what_is_learnt_is_about_what_raw_updates_learn() -> None:
    fleet, ends = edges(3), {}
    for way in ("", *WAYS):
        flow = rounds(fleet, way, 3, 12) if way else Train(0, Terms(0, how=HOW), clients(fleet), until=Until(12))
        story = begin(fleet, 1)
        story.world.begin(CLOUD, flow)
        over = story.over()
        assert over is not None
        ends[way] = (over.accuracy, sum(one.up_bytes for one in story.curve()))
    assert all(accuracy > ends[""][0] - 0.06 for accuracy, _ in ends.values()), ends


def learner(drive: Any) -> Learner:
    flow = drive.slots["Learner/1"].flow
    assert isinstance(flow, Learner)
    return flow


def test_a_memory_changes_with_its_clients_rounds_alone_and_the_last_two_are_kept() -> None:
    fleet, story = edges(2), begin(edges(2), 1)
    known: dict[NodeId, list[Ref | None]] = {node: [None] for node in clients(fleet)}
    wrong: list[str] = []

    def watch(node: NodeId, body: Any) -> None:
        if not isinstance(body, Progress) or not body.number:
            return
        for client, seen in known.items():
            drive = story.world.nodes[client].drive
            kept = learner(drive).kept if drive is not None and "Learner/1" in drive.slots else None
            if (kept != seen[-1]) is not (client in body.counted):
                wrong.append(f"step {body.number}, {client}: {seen[-1]} became {kept}, counted {body.counted}")
            seen += [kept] if kept != seen[-1] else []

    story.world.listeners.append(watch)
    story.world.begin(CLOUD, rounds(fleet, "dgc", 1, 10))
    over: TrainOver | None = story.over()
    assert over is not None and wrong == []
    for client, seen in known.items():
        disk, refs = story.drive(client).tools.disk, [ref for ref in seen if ref is not None]
        assert len(refs) > 2 and [disk.has(ref) for ref in refs[-2:]] == [True, True]
        assert not any(disk.has(ref) for ref in refs[:-2])
        parts = get_parts(refs[-1], story.drive(client).tools)
        assert set(parts) == {"residual", "velocity"} and parts["residual"].norm() > 0.0


def test_what_is_sent_is_the_packed_change_and_its_count_and_no_more() -> None:
    story, sent = begin(edges(2), 1), list[set[str]]()

    def look(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        if isinstance(parcel.body, Learnt):
            ((_, array),) = parcel.attached
            sent.append(set(arrays_of_bytes(array.tobytes())))
        return parcel

    story.world.wires.meddle = look
    story.world.begin(CLOUD, rounds(edges(2), "dgc", 2))
    assert story.over() is not None
    assert sent == [{"count", "stamp", "packed"}] * 8


def test_over_aggregators_and_without_rounds() -> None:
    deep = tree(2, 2)
    flow = Train(0, terms("sign", tiers=1), clients(deep), Choice(count=2), Until(6), patience_s=900.0, learners=4)
    story = begin(deep, 1)
    story.world.begin(CLOUD, flow)
    over = story.over()
    assert over is not None and over.why == "rounds" and over.accuracy > 0.75
    story = begin(edges(3), 1)
    story.world.begin(CLOUD, Buffer(0, terms("dgc"), clients(edges(3)), Pace(2, 2, patience_s=6.0), until=Until(8)))
    over = story.over()
    assert over is not None and (over.number, over.why) == (8, "rounds")
    assert over.weights is not None
    assert np.isfinite(tensors_of_bytes(story.drive(CLOUD).tools.disk.get(over.weights)).flat).all()


def test_terms_that_name_no_compression_end_the_job_with_the_reason() -> None:
    story = begin(edges(2), 1)
    bad = Terms(0, how=HOW, compress=(("name", "dcg"),))
    story.world.begin(CLOUD, Train(0, bad, clients(edges(2)), until=Until(3, failures=2)))
    over = story.over(600.0)
    assert over is not None and "did you mean 'dgc'" in over.why
