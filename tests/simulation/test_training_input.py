"""Bad updates over a hostile link: each is refused with a reason, and the round goes on without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ganglion.bench.fl_fleet import CLOUD, Story, begin, edges, tree
from ganglion.core.blob import arrays_of_bytes, arrays_to_bytes
from ganglion.core.compute import Sgd
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.ports import Parcel
from ganglion.core.process import Ignored, Lane
from ganglion.core.ref import Ref, digest_of
from ganglion.core.update import Counted
from ganglion.flow.round.messages import Assign, Learnt, Rejected, Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Progress, Until

GOOD, BAD, STRANGER = NodeId("edge-1"), NodeId("edge-2"), NodeId("edge-3")
Arrays = dict[str, NDArray[np.generic]]
Change = Callable[[Arrays], Arrays]


def forged(parcel: Parcel, change: Change) -> Parcel:
    """The same message with another blob, and the digest that this has."""
    ((_, array),) = parcel.attached
    raw = arrays_to_bytes(change(arrays_of_bytes(array.tobytes())))
    ref = Ref(digest_of(raw), len(raw), PUBLIC_UPDATE)
    body = replace(parcel.body, update=Counted(ref, parcel.body.update.weight))
    return replace(parcel, body=body, attached=((ref, np.frombuffer(raw, np.uint8)),))


def job(change: Callable[[Parcel], Parcel], clients: tuple[NodeId, ...] = (GOOD, BAD)) -> Story:
    """Two clients, of which one's updates are changed on their way."""
    story = begin(edges(3), 1)

    def meddle(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        return change(parcel) if sender == BAD and isinstance(parcel.body, Learnt) else parcel

    story.world.wires.meddle = meddle
    made = Train(0, Terms(0, how=Sgd(0.1)), clients, Choice(count=2), Until(3), patience_s=8.0)
    story.world.begin(CLOUD, made)
    assert story.over(120.0) is not None
    return story


def refused(story: Story, why: str) -> None:
    """Every update of the bad client was refused so, and every step was made without it."""
    found = [(one.client, one.number) for one in story.told(Rejected) if why in one.why]
    assert found == [(BAD, 1), (BAD, 2), (BAD, 3)], story.told(Rejected)
    assert [one.counted for one in story.told(Progress)[1:]] == [(GOOD,)] * 3
    assert story.told(Progress)[-1].accuracy > 0.8


def test_an_update_that_is_not_finite() -> None:
    def poison(arrays: Arrays) -> Arrays:
        flat = next(name for name in arrays if name.startswith("delta"))
        return {**arrays, flat: np.full_like(arrays[flat], np.nan)}

    refused(job(lambda parcel: forged(parcel, poison)), "not finite")


def test_an_update_of_another_shape() -> None:
    def cut(arrays: Arrays) -> Arrays:
        flat = next(name for name in arrays if name.startswith("delta"))
        return {**arrays, flat: arrays[flat][:-1].copy()}

    refused(job(lambda parcel: forged(parcel, cut)), "its shape is not the base's")


def test_an_update_that_counts_for_more_than_it_says() -> None:
    def heavy(arrays: Arrays) -> Arrays:
        return {**arrays, "count": np.array([1e9, 1, 1, np.nan, 0])}

    refused(job(lambda parcel: forged(parcel, heavy)), "it counts for 1000000000.0")


def test_bytes_that_are_no_update() -> None:
    refused(job(lambda parcel: forged(parcel, lambda arrays: {"x": np.zeros(3)})), "it is no update")


def test_another_clients_update_under_an_own_name() -> None:
    def other(arrays: Arrays) -> Arrays:
        job_number = arrays["stamp"].copy()
        job_number[2] += 1
        return {**arrays, "stamp": job_number}

    refused(job(lambda parcel: forged(parcel, other)), "it is replayed")


def test_an_update_of_an_earlier_round_under_a_new_number() -> None:
    first: list[Parcel] = []

    def again(parcel: Parcel) -> Parcel:
        first.append(parcel)
        return replace(parcel, body=replace(first[0].body, number=parcel.body.number), attached=first[0].attached)

    story = job(again)
    found = [one.number for one in story.told(Rejected) if "made for round 1" in one.why]
    assert found == [2, 3] and story.told(Progress)[1].counted == (GOOD, BAD)


def test_an_answer_to_a_round_that_is_over() -> None:
    story = job(lambda parcel: replace(parcel, body=replace(parcel.body, number=parcel.body.number - 1)))
    rounds = [one.number for one in story.told(Rejected) if "is not asked about" in one.why]
    assert rounds == [0, 1, 2] and [one.counted for one in story.told(Progress)[1:]] == [(GOOD,)] * 3


def test_an_answer_of_somebody_whom_nobody_asked() -> None:
    story = begin(edges(3), 1)
    made = Train(0, Terms(0, how=Sgd(0.1)), (GOOD, BAD), Choice(count=2), Until(3), patience_s=8.0)
    story.world.begin(CLOUD, made)
    story.world.rest(0.3)
    update = Counted(Ref("0" * 64, 1, PUBLIC_UPDATE), 1.0)
    story.world.wires.deliver[CLOUD](STRANGER, Parcel("round", "1", Learnt(1, update, 1), Lane.CONTROL))
    assert story.over(120.0) is not None
    assert [(one.client, one.why) for one in story.told(Rejected)] == [(STRANGER, "nobody asked this client")]
    assert [one.counted for one in story.told(Progress)[1:]] == [(GOOD, BAD)] * 3


@pytest.mark.parametrize("tiers", [0, 1])
def test_nobody_learns_for_a_node_below_it(tiers: int) -> None:
    """What an edge learns goes to its parent, whoever asks."""
    story = begin(tree(1, 1), 1)
    edge, device = NodeId("edge-1"), NodeId("device-1-1")
    ask = Assign(1, Ref("0" * 64, 1, PUBLIC_UPDATE), Terms(9, tiers=tiers))
    story.world.wires.deliver[edge](device, Parcel("round", "9", ask, Lane.CONTROL))
    story.world.rest(5.0)
    ignored = [body.flow for _, node, body in story.world.facts if isinstance(body, Ignored) and node == edge]
    assert ignored == [("Learner", "Relay")[tiers]]
    assert not any("Fetch" in name for name in story.drive(edge).slots)
