"""Violations planted on purpose, at least one per invariant, to see that the demo notices. Simulator only.

Each does something that a faulty or hostile node, link or person could do; none touches what is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import ConfigError
from ..core.facts import Activated, Answered, Arrived, Drifted
from ..core.fleet import NodeId
from ..core.label import PUBLIC_RAW, Tier, Zone
from ..core.plan import Goal
from ..core.ports import Parcel
from ..core.ref import HELD, Ref
from ..core.sample import Examples
from ..flow.deliver.messages import Hand
from ..flow.presence.messages import Beat
from ..flow.rollout.messages import Report
from ..flow.serve.messages import Reply
from ..flow.serve.node import Serve
from ..node.tools import Project, Tools
from ..run import Setup, World
from ..sim.world import SimFleet
from .fleet import CLOUD, DEVICES, DRIFTED

DEVICE = DEVICES[DRIFTED][0]
PADDING_BYTES = 24_000  # some three parcels a second: more per answer than cloud-only sends for a sample
Meddle = Callable[[NodeId, NodeId, Parcel], Parcel | None]


def plant(name: str, world: World, setup: Setup) -> None:
    """Plants one; "" plants none. Raises ConfigError for a violation that is not known."""
    if not name:
        return
    if name not in PLANTS or not isinstance(world, SimFleet):
        raise ConfigError(f"no violation {name!r} can be planted here; there are {', '.join(sorted(PLANTS))}")
    PLANTS[name](world, setup)


def _tools(world: SimFleet, node: NodeId) -> Tools:
    drive = world.nodes[node].drive
    assert drive is not None  # all nodes run when the script begins
    return drive.tools


def _once(world: SimFleet, kind: type, turn: int, do: Callable[[NodeId, Any], None]) -> None:
    """Does something at one fact of a kind on the first device of the site that will drift."""
    seen = [0]

    def listen(node: NodeId, body: Any) -> None:
        if isinstance(body, kind) and node == DEVICE:
            seen[0] += 1
            if seen[0] == turn:
                world.heap.push(world.now_s(), lambda: do(node, body))

    world.listeners.append(listen)


def lose_a_sample(world: SimFleet, setup: Setup) -> None:
    """A device forgets what it was asked."""

    def forget(node: NodeId, body: Any) -> None:
        drive = world.nodes[node].drive
        if drive is not None and isinstance(flow := drive.slots["Serve/"].flow, Serve):
            flow.open.clear()

    _once(world, Arrived, 50, forget)


def answer_twice(world: SimFleet, setup: Setup) -> None:
    """A device gives the same answer again."""
    _once(world, Answered, 50, lambda node, body: world.tell(node, body))


def meddle_with(change: Callable[[Parcel], Parcel | None]) -> Callable[[SimFleet, Setup], None]:
    """A link that changes or takes parcels on their way up or down."""

    def put(world: SimFleet, setup: Setup) -> None:
        world.wires.meddle = lambda sender, to, parcel: change(parcel)

    return put


def _swallow_hard(parcel: Parcel) -> Parcel | None:
    return None if isinstance(parcel.body, Hand) else parcel


def _say(counter: int, was: str, now: str) -> Callable[[Parcel], Parcel]:
    def change(parcel: Parcel) -> Parcel:
        body = parcel.body
        if isinstance(body, Report) and body.counter == counter and body.state == was:
            return replace(parcel, body=replace(body, state=now, why="planted"))
        return parcel

    return change


def _pretend_cloud(parcel: Parcel) -> Parcel:
    body = parcel.body
    if isinstance(body, Reply) and body.answer.tier is Tier.EDGE:
        return replace(parcel, body=Reply(replace(body.answer, zone=Zone.CLOUD)))
    return parcel


def forget_the_model(world: SimFleet, setup: Setup) -> None:
    """A device loses the release that was learnt from memory, as soon as it answers with it."""
    _once(world, Activated, 2, lambda node, body: _tools(world, node).loaded.clear())


def false_alarm(world: SimFleet, setup: Setup) -> None:
    """A device cries wolf."""
    _once(world, Answered, 200, lambda node, body: world.tell(node, Drifted(DRIFTED, node, 1)))


def wrong_labels(world: SimFleet, setup: Setup) -> None:
    """The on-site source of labels is wrong about every sample."""
    tools = _tools(world, DRIFTED)
    right, classes = tools.labels, 10
    assert right is not None
    tools.labels = lambda sample: None if (y := right(sample)) is None else (y + 1) % classes


class Few:
    """A project whose release holds next to nothing to rehearse, so that learning on forgets."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._project, name)

    def examples(self, part: str) -> Examples:
        """Everything the first time, for the first training; a handful afterwards."""
        whole = self._project.examples(part)
        self._asked += part == "train"
        return whole.take(np.arange(10)) if part == "train" and self._asked > 1 else whole


def no_replay(world: SimFleet, setup: Setup) -> None:
    """Sites learn on without rehearsing, and the cloud's gate lets everything pass."""
    tools = _tools(world, CLOUD)
    assert tools.project is not None
    tools.project = Few(tools.project)
    tools.policy = replace(tools.policy, max_forgetting=1.0)


def any_plan(world: SimFleet, setup: Setup) -> None:
    """The planner may lose all accuracy there is."""
    tools = _tools(world, CLOUD)
    tools.policy = replace(tools.policy, goal=Goal(risk=1.0, aim=1.0))


def slow_wifi(world: SimFleet, setup: Setup) -> None:
    """Edges' answers take half a second to get to their devices while ways to serve are compared."""

    def slow(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel | None:
        body = parcel.body
        if isinstance(body, Reply) and body.answer.zone is Zone.EDGE and "/public/" in body.answer.sample:
            world.heap.push(world.now_s() + 0.5, lambda: world.wires.deliver[to](sender, parcel))
            return None
        return parcel

    world.wires.meddle = slow


def chatty(world: SimFleet, setup: Setup) -> None:
    """Edges send padding with every sign of life."""
    pad = (Ref(f"{HELD}pad", PADDING_BYTES, PUBLIC_RAW), np.zeros(PADDING_BYTES, np.uint8))

    def pack(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        return replace(parcel, attached=(pad,)) if to == CLOUD and isinstance(parcel.body, Beat) else parcel

    world.wires.meddle = pack


def mislabel(world: SimFleet, setup: Setup) -> None:
    """An edge sends edge-private samples to the cloud and calls them public."""
    rows = setup.sources[DEVICE]["mixed"]
    private = [x for x, tier in zip(rows.x, rows.tiers, strict=True) if tier == Tier.EDGE][:400]

    def smuggle(sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        if to == CLOUD and isinstance(parcel.body, Beat):
            x = np.stack(private)
            return replace(parcel, attached=((Ref(f"{HELD}smuggled", int(x.nbytes), PUBLIC_RAW), x),))
        return parcel

    world.wires.meddle = smuggle


def blind_tap(world: SimFleet, setup: Setup) -> None:
    """Nothing is captured, so that finding nothing means nothing."""
    world.wires.tap = None


PLANTS: dict[str, Callable[[SimFleet, Setup], None]] = {
    "any-plan": any_plan,
    "bad-kept": meddle_with(_say(3, "failed", "passed")),
    "blind-tap": blind_tap,
    "chatty": chatty,
    "false-alarm": false_alarm,
    "forgotten-model": forget_the_model,
    "good-refused": meddle_with(_say(2, "passed", "failed")),
    "lost": lose_a_sample,
    "mislabelled": mislabel,
    "no-replay": no_replay,
    "out-of-reach": meddle_with(_pretend_cloud),
    "slow-wifi": slow_wifi,
    "twice": answer_twice,
    "undelivered": meddle_with(_swallow_hard),
    "wrong-labels": wrong_labels,
}
