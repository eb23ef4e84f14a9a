"""A journal replayed asks for what was asked for the first time: same states, same messages, same work, same facts.

The story is one of a site whose world changes while nodes die, so that every durable flow takes part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ganglion.core.fleet import NodeId
from ganglion.core.ports import Change, Drop, Put
from ganglion.core.process import Command, Event, Flow, Send, Tell
from ganglion.flow.rollout.messages import RolledOut
from ganglion.flow.rollout.revert import Revert
from ganglion.node.bodies import make_codec
from ganglion.node.journal import TABLE, Entry, Slot, replay, snapshot
from ganglion.node.outbox import OUTBOX, Kept
from ganglion.node.places import PLACES
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap
from small_fleet import CLOUD, DEVICES, EDGES, NODES, RINGS, SITES, Story, begin, first_release

CODEC = make_codec()
SITE = EDGES[0]
OF_JOBS = {"Train", "Buffer", "Relay", "Learner"}  # replayed after every kill in tests/simulation/test_training.py


@dataclass
class Witness(Platter):
    """A platter that also remembers what was dropped or replaced."""

    seen: list[Change] = field(default_factory=list)

    def apply(self, change: Change) -> None:
        super().apply(change)
        self.seen.append(change)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every line that any journal ever had, in order."""
        for change in self.seen:
            if isinstance(change, Put) and change.table == TABLE:
                yield change.key, CODEC.decode(change.data)

    def promised(self) -> list[Kept]:
        """Every message that was ever put into the outbox."""
        rows = [one for one in self.seen if isinstance(one, Put) and one.table == OUTBOX]
        return [CODEC.decode(row.data) for row in rows if not row.key.endswith("/last")]


@dataclass
class Told:
    """One story, and everything that its nodes wrote."""

    story: Story
    platters: dict[NodeId, Witness]

    def slots(self, node: NodeId) -> dict[str, Slot]:
        """A node's durable flows as they stand in memory."""
        drive = self.story.world.nodes[node].drive
        assert drive is not None
        return {name: slot for name, slot in drive.slots.items() if slot.durable}


@pytest.fixture(scope="module")
def told() -> Told:
    """From the first release to one that was learnt on site, through two crashes; then silence."""
    story = begin(5)
    platters = {node: Witness(f"5:{node}") for node in NODES}
    for node in NODES:  # nothing was told or promised so far: each begins again, on a disk with a witness
        story.world.kill(node)
        story.world.nodes[node].platter = platters[node]
        story.world.facts.clear()
    for node in NODES:
        story.world.start(node)
    story.world.rest(1.0)
    first_release(story)
    story.world.rest(5.0)
    for device in SITES[SITE]:
        story.stream(device, "moved")
    for victim in (SITE, CLOUD):
        story.world.rest(9.0)
        story.kill(victim)
        story.world.rest(0.5)
        story.start(victim)
    learnt = story.rest_until(lambda: any(body.counter > 1 for _, _, body in story.told(RolledOut)), 400.0)
    assert learnt, "the loop did not close"
    again = max(body.counter for _, _, body in story.told(RolledOut)) + 10
    story.world.begin(CLOUD, Revert(again, 1, "the owner", RINGS, trial=False))
    assert story.rest_until(lambda: any(body.counter == again for _, _, body in story.told(RolledOut)), 200.0)
    for device in DEVICES:
        story.stream(device, "")
    story.world.rest(120.0)
    return Told(story, platters)


def events_only(platter: Witness) -> SimDisk:
    """The journals as they would be if no snapshot had ever shortened them."""
    bare = Platter("bare")
    for change in platter.seen:
        if isinstance(change, Put) and change.table == TABLE and CODEC.decode(change.data).event != "Snapshot":
            bare.apply(change)
    return SimDisk(bare, Heap(), lambda: True)


def replayed(platter: Witness) -> tuple[dict[str, Slot], list[Command]]:
    """Where all flows of a node stand after every event that it ever heard, and all that they asked for on the way."""
    asked: list[Command] = []

    def see(key: str, event: Event, commands: list[Command]) -> None:
        asked.extend(commands)

    slots = {slot.id: slot for slot, _ in replay(events_only(platter), CODEC, see)}
    return slots, asked


def durable_flows() -> set[str]:
    return {runs.flow.__name__ for place in PLACES.values() for runs in place if runs.flow.durable}


def test_every_durable_flow_took_part(told: Told) -> None:
    kinds = {key.partition("/")[0] for platter in told.platters.values() for key, _ in platter.entries()}
    assert kinds == durable_flows() - OF_JOBS


@pytest.mark.parametrize("node", NODES)
def test_what_is_in_memory_is_what_the_journal_says(told: Told, node: NodeId) -> None:
    platter, live = told.platters[node], told.slots(node)
    shortened = {slot.id: slot for slot, _ in replay(SimDisk(platter, Heap(), lambda: True), CODEC)}
    whole, _ = replayed(platter)
    for found in (shortened, whole):
        for name, slot in live.items():
            assert (found[name].flow, found[name].doing, found[name].waking) == (slot.flow, slot.doing, slot.waking)
        assert {name for name, slot in found.items() if not slot.over} == {n for n, s in live.items() if not s.over}


@pytest.mark.parametrize("node", NODES)
def test_messages_are_promised_again_in_the_same_order(told: Told, node: NodeId) -> None:
    _, asked = replayed(told.platters[node])
    again = [(one.to, CODEC.encode(one.body), int(one.lane), one.attach) for one in asked if isinstance(one, Send)]
    first = [(kept.to, kept.body, kept.lane, kept.attach) for kept in told.platters[node].promised()]
    assert again == first and len(first) > 0


@pytest.mark.parametrize("node", NODES)
def test_facts_are_told_again_in_the_same_order(told: Told, node: NodeId) -> None:
    _, asked = replayed(told.platters[node])
    facts = iter([body for _, where, body in told.story.world.facts if where == node])
    for command in asked:
        if isinstance(command, Tell):
            assert any(body == command.body for body in facts), f"{command.body} was never told, or in another order"


def states(platter: Witness, key: str) -> Iterator[tuple[Put, Put]]:
    """Each snapshot of a flow, as it was written and as replaying the events before it would write it."""
    bare = Platter("bare")
    for change in platter.seen:
        if not isinstance(change, Put) or (change.table, change.key) != (TABLE, key):
            continue
        entry: Entry = CODEC.decode(change.data)
        if entry.event == "Snapshot":
            (slot,) = (slot for slot, _ in replay(SimDisk(bare, Heap(), lambda: True), CODEC))
            yield change, _put(snapshot(slot, entry.at_s, CODEC))
        else:
            bare.apply(change)


def _put(changes: tuple[Change, Change]) -> Put:
    dropped, put = changes
    assert isinstance(dropped, Drop) and isinstance(put, Put)
    return put


@pytest.mark.parametrize("node", NODES)
def test_each_snapshot_is_what_its_events_lead_to(told: Told, node: NodeId) -> None:
    """State, work without an answer and wakes that have not come, byte for byte."""
    platter = told.platters[node]
    compared = 0
    for key in {key for key, _ in platter.entries()}:
        for first, again in states(platter, key):
            assert first == again, f"{key} at {CODEC.decode(first.data).at_s:.3f} s"
            compared += 1
    assert compared > 3


def test_the_comparison_would_notice(told: Told) -> None:
    """A journal from which one event is taken leads elsewhere."""
    platter = told.platters[SITE]
    lines = [row for row in platter.seen if isinstance(row, Put) and (row.table, row.key) == (TABLE, "Install/")]
    switched = [row for row in lines if CODEC.decode(row.data).name == "activate"]
    less = Witness("less", seen=[row for row in platter.seen if row is not switched[-1]])
    flow: Flow = replayed(less)[0]["Install/"].flow
    assert flow != told.slots(SITE)["Install/"].flow
    assert replayed(less)[1] != replayed(platter)[1]


def test_a_flow_sees_no_difference_between_its_first_life_and_its_replay(told: Told) -> None:
    """Replaying twice gives the same twice: nothing outside the journal has a say."""
    for node in NODES:
        one, two = replayed(told.platters[node]), replayed(told.platters[node])
        assert one[1] == two[1] and {k: v.flow for k, v in one[0].items()} == {k: v.flow for k, v in two[0].items()}
