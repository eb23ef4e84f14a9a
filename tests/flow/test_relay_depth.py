"""Aggregators below aggregators: the flows alone, four levels deep, over a bus that loses nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from ganglion.core.compute import Sgd
from ganglion.core.facts import Fetched
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.process import Began, Do, Done, Heard, Send, Start, Tell, Told
from ganglion.core.ref import Ref
from ganglion.core.update import Counted
from ganglion.flow.fetch.client import Fetch
from ganglion.flow.round.learner import Learner
from ganglion.flow.round.messages import (
    Aggregate,
    Assign,
    Check,
    Checked,
    Declined,
    Learnt,
    RoundOver,
    StepBelow,
    SteppedBelow,
    Summed,
    Terms,
    Trained,
    TrainLocally,
)
from ganglion.flow.round.relay import Relay
from ganglion.flow.round.server import Round

ROOT = NodeId("root")
GOALS = {f"leaf-{place}": float(place * place) for place in range(8)}  # where each learner's own minimum is
RATE = 0.5


@dataclass
class Bus:
    """Every node's flows; weights are single numbers, written into the names of their references."""

    flows: dict[NodeId, list[Any]] = field(default_factory=dict)
    waiting: deque[tuple[NodeId, Any]] = field(default_factory=deque)
    over: list[RoundOver] = field(default_factory=list)
    asked: dict[NodeId, int] = field(default_factory=dict)  # assignments that a node got

    def tell(self, node: NodeId, event: Any) -> None:
        self.waiting.append((node, event))

    def run(self) -> None:
        while self.waiting:
            node, event = self.waiting.popleft()
            if isinstance(event, Heard) and isinstance(event.body, Assign):
                self.asked[node] = self.asked.get(node, 0) + 1
            for flow in [one for one in self.flows[node] if wants(one, event)]:
                for command in flow.on(event, 0.0):
                    self.carry_out(node, command)

    def carry_out(self, node: NodeId, command: Any) -> None:
        match command:
            case Send(to, body):
                self.tell(to, Heard(node, body))
            case Start(Fetch(ref)):
                self.tell(node, Told(Fetched(ref)))
            case Start(Round() as made):
                self.flows[node] = [one for one in self.flows[node] if not isinstance(one, Round)] + [made]
                for asked in made.on(Began(), 0.0):
                    self.carry_out(node, asked)
            case Do(name, work):
                self.tell(node, Done(name, done(work, node)))
            case Tell(RoundOver() as over):
                self.over += [over] if node == ROOT else []
                self.tell(node, Told(over))


def wants(flow: Any, event: Any) -> bool:
    """A round hears answers and what it asked for; a relay and a learner hear assignments and theirs."""
    match event:
        case Heard(_, Learnt() | Declined()) | Done(_, Checked() | Summed()):
            return isinstance(flow, Round)
        case Told(RoundOver()):
            return isinstance(flow, Relay)
    return not isinstance(flow, Round)


def ref(value: float) -> Ref:
    return Ref(repr(value), 8, PUBLIC_UPDATE)


def value(of: Ref) -> float:
    return float(of.digest)


def done(work: Any, node: NodeId) -> Any:
    """Steps half way to a learner's own minimum, and means."""
    match work:
        case TrainLocally(base=base):
            return Trained(Counted(ref(RATE * (GOALS[node] - value(base))), 1.0), None, "", 0.0, 0.0)
        case Check():
            return Checked("")
        case Aggregate(updates=updates):
            weight = sum(one.weight for _, one in updates)
            mean = sum(value(one.delta) * one.weight for _, one in updates) / weight
            return Summed(Counted(ref(mean), weight))
        case StepBelow(start=start, base=base, total=total):
            after = value(base) + value(total.delta)
            return SteppedBelow(ref(after), Counted(ref(after - value(start)), total.weight))
    raise AssertionError(work)


def grown(terms: Terms) -> tuple[Bus, tuple[NodeId, ...]]:
    """root, two regions, four sites, eight learners."""
    bus, above = Bus({ROOT: []}), [ROOT]
    for level, width in (("region", 2), ("site", 4), ("leaf", 8)):
        names = [NodeId(f"{level}-{place}") for place in range(width)]
        for place, name in enumerate(names):
            parent = above[place * len(above) // width]
            bus.flows[name] = [Learner(terms.job, parent)] if level == "leaf" else [Relay(terms.job, parent, ())]
            if parent != ROOT:
                relay = bus.flows[parent][0]
                relay.cohort = (*relay.cohort, name)
        above = names
    return bus, tuple(name for name in bus.flows if name.startswith("region"))


def played(below: int) -> tuple[float, Bus]:
    terms = Terms(1, how=Sgd(0.1), tiers=2, below=below)
    bus, regions = grown(terms)
    bus.carry_out(ROOT, Start(Round(1, ref(0.0), regions, 2, 60.0, terms=terms)))
    bus.run()
    assert len(bus.over) == 1 and bus.over[0].total is not None and bus.over[0].counted == regions
    assert bus.over[0].total.weight == 8.0
    return value(bus.over[0].total.delta), bus


def test_the_sum_over_three_levels_of_aggregation_is_the_flat_one() -> None:
    moved, bus = played(1)
    assert moved == pytest.approx(RATE * sum(GOALS.values()) / 8)
    assert bus.asked == dict.fromkeys(bus.asked, 1) and len(bus.asked) == 14


def test_each_level_makes_its_own_rounds_before_it_answers() -> None:
    """kappa 2 at both levels: sites step twice for each step of their region, which steps twice for the root."""
    moved, bus = played(2)
    leaves = [count for node, count in bus.asked.items() if node.startswith("leaf")]
    assert leaves == [4] * 8 and {bus.asked[NodeId(f"site-{place}")] for place in range(4)} == {2}
    wanted = 0.0
    for region in range(2):
        at = 0.0
        for _ in range(2):
            near = []
            for site in (2 * region, 2 * region + 1):
                own, goal = at, (GOALS[f"leaf-{2 * site}"] + GOALS[f"leaf-{2 * site + 1}"]) / 2
                for _ in range(2):
                    own += RATE * (goal - own)
                near.append(own)
            at = sum(near) / 2
        wanted += at / 2
    assert moved == pytest.approx(wanted)
