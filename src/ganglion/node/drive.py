"""The only interpreter of commands, the same in both worlds: decide, commit, act.

A durable flow's event and the messages it leads to are committed in one transaction before anything is done about
them. After a crash the journal is replayed without acting; then what has no Done is asked again, and what nobody has
acknowledged is sent again. It knows six commands for ever, and no algorithm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..core.errors import GanglionError
from ..core.facts import Denied, Missed, Restarted
from ..core.fleet import NodeId
from ..core.gate import denial
from ..core.ports import Change, Clock, Net, Parcel, Workers
from ..core.process import (
    Began,
    Cancel,
    Command,
    Do,
    Done,
    Event,
    Failed,
    Flow,
    Heard,
    Ignored,
    Linked,
    Send,
    Start,
    Tell,
    Told,
    Wake,
)
from .journal import Slot, record, replay, snapshot
from .outbox import Ack, Gap
from .post import Post
from .requests import Requests
from .routes import Routes
from .runs import Runs, key_of
from .tools import Tools

ENTRIES = 100  # a journal longer than this is replaced by a snapshot even without a change of phase
Act = Callable[[], None]


@dataclass(frozen=True)
class World:
    """The ports that only `drive` uses; those that work may use are in Tools."""

    clock: Clock
    net: Net
    workers: Workers
    observe: Callable[[Any], None]  # hears every fact told on this node


class Drive:
    """One node's flows over its ports."""

    def __init__(self, tools: Tools, world: World, runs: Sequence[Runs], incarnation: str) -> None:
        self.tools = tools
        self.world = world
        self.routes = Routes(runs)
        self.slots = self.routes.slots
        self.requests = Requests(world.clock, world.workers, self.routes, self._back)
        self.post = Post(tools, world.clock, world.net, world.observe, incarnation)
        self._agenda: deque[tuple[Slot, Event]] = deque()
        self._changes: list[Change] = []
        self._later: list[Act] = []  # acts of durable flows: after the commit
        self._running = False

    def now_s(self) -> float:
        """Node time: monotonic, and going on where a former life of this node stopped."""
        return self.requests.now_s()

    def boot(self) -> None:
        """Replays the journal, asks again for what is missing, begins the standing flows, watches the outbox."""
        latest_s = 0.0
        for slot, at_s in replay(self.tools.disk, self.tools.codec):
            latest_s = max(latest_s, at_s)
            self.slots[slot.id] = slot
        self.requests.resume(latest_s)
        for slot in [slot for slot in self.slots.values() if not slot.over]:
            self.requests.again(slot)
        back = bool(self.slots)
        for flow in self.routes.missing(self.tools):
            self.start(flow)
        self.post.boot()
        if back:
            self.tell(Restarted())

    def start(self, flow: Flow) -> None:
        """Begins a flow, unless one of its kind and key is there and not over."""
        self._begin(flow)
        self._run()

    def tell(self, body: Any) -> None:
        """A fact from outside the flows: the operator, the sensor, the world."""
        self._spread(body)
        self._run()

    def linked(self, peer: NodeId, up: bool) -> None:
        """A neighbour came or went."""
        if not self.post.linked(peer, up):
            return
        self._agenda.extend((slot, Linked(peer, up)) for slot in self.routes.linked())
        self._run()
        if up:
            self.post.resend(peer)

    def hear(self, sender: NodeId, parcel: Parcel) -> None:
        """A parcel arrived; the world vouches for the sender."""
        if isinstance(parcel.body, Ack):
            self.post.acknowledged(sender, parcel.body)
            return
        if parcel.seq and not self.post.outbox.is_next(sender, parcel):
            self.post.acknowledge(sender, parcel.incarnation)
            return
        why = denial((parcel.body, tuple(ref for ref, _ in parcel.attached)), self.tools.fleet.zone(self.tools.me))
        try:
            if not why and self.routes.hearers(parcel.body):
                self.post.unpack(parcel)
        except GanglionError as error:  # its bytes do not fit here now: not taken, so a promised one comes again
            self.world.observe(Denied("arrival", type(parcel.body).__name__, sender, str(error)))
            return
        if parcel.seq:
            self._changes.append(self.post.outbox.applied(sender, parcel))
            self._later.append(partial(self.post.settled, sender, parcel))
        if isinstance(gap := parcel.body, Gap):
            self._spread(Missed(sender, gap.first, parcel.seq, gap.items, gap.size_bytes, gap.why), durable=True)
        else:
            self._accept(sender, parcel.body, why)
        self._run()

    def _accept(self, sender: NodeId, body: Any, why: str) -> None:
        kinds = self.routes.hearers(body)
        if why or not kinds:
            self._spread(Denied("arrival", type(body).__name__, sender, why or "nobody here hears it"))
            return
        slot = self.routes.heard(body)
        if slot is None:
            flow = self.routes.spawned(self.tools, sender, body)
            if flow is None:
                self._spread(Ignored(kinds[0], key_of(body), type(body).__name__, "absent"))
                return
            slot = self._begin(flow)
        self._agenda.append((slot, Heard(sender, body)))

    def _begin(self, flow: Flow) -> Slot:
        slot = Slot(flow)
        known = self.slots.get(slot.id)
        if known is not None and not known.over:
            return known
        if known is not None and slot.durable:
            self._changes.append(snapshot(known, 0.0, self.tools.codec)[0])
        self.slots[slot.id] = slot
        self._agenda.append((slot, Began()))
        return slot

    def _spread(self, body: Any, durable: bool = False) -> None:
        self._agenda.extend((slot, Told(body)) for slot in self.routes.told(body))
        if durable:  # nobody may see what a crash could still take back
            self._later.append(partial(self.world.observe, body))
        else:
            self.world.observe(body)

    def _run(self) -> None:
        """Takes the agenda to its end. Everything durable that one cause leads to is one transaction."""
        if self._running:
            return
        self._running = True
        try:
            while self._agenda:
                self._step(*self._agenda.popleft())
        finally:
            self._running = False
        changes, acts = self._changes, self._later
        self._changes, self._later = [], []
        if changes:
            self.tools.disk.commit(changes, lambda: self._act(acts))
        elif acts:
            self._act(acts)

    def _act(self, acts: list[Act]) -> None:
        for act in acts:
            act()
        self._run()

    def _step(self, slot: Slot, event: Event) -> None:
        if slot.over:
            self.world.observe(Ignored(slot.kind, slot.flow.key, type(event).__name__, "OVER"))
            return
        now_s, phase = self.now_s(), slot.flow.phase
        if slot.durable:
            self._changes.append(record(slot, event, now_s, self.tools.codec))
            slot.entries += 1
        slot.settle(event)
        for command in slot.flow.on(event, now_s):
            slot.ask(command)
            self._carry(slot, command)
        if slot.durable and (slot.flow.phase is not phase or slot.entries >= ENTRIES):
            self._changes.extend(snapshot(slot, now_s, self.tools.codec))
            slot.entries = 0
        elif slot.over and not slot.durable:
            del self.slots[slot.id]

    def _carry(self, slot: Slot, command: Command) -> None:
        match command:
            case Tell(body):
                self._spread(body, slot.durable)
                return
            case Start(flow):
                self._begin(flow)
                return
            case Send():
                act = self._send(slot, command)
            case Do(name, work):
                act = partial(self.requests.do, slot, name, work)
            case Wake(name, at_s):
                act = partial(self.requests.wake, slot, name, at_s)
            case Cancel(name):
                act = partial(self.requests.cancel, slot, name)
        if slot.durable:
            self._later.append(act)
        else:
            act()

    def _send(self, slot: Slot, send: Send) -> Act:
        why = denial((send.body, send.attach), self.tools.fleet.zone(send.to))
        if why:
            self._spread(Denied("send", type(send.body).__name__, send.to, why))
            self._agenda.append((slot, Failed(send.name, why, refused=True)))
            return lambda: None
        if slot.durable:
            changes, act = self.post.promise(send)
            self._changes.extend(changes)
            return act
        return lambda: self.post.send(send, lambda event: self._back(slot, event))

    def _back(self, slot: Slot, event: Event) -> None:
        """Something that was asked for came back, unless the flow has dropped it meanwhile."""
        if isinstance(event, Failed) and event.name == "":
            return
        if self.slots.get(slot.id) is slot and (not isinstance(event, Done) or event.name in slot.doing):
            self._agenda.append((slot, event))
            self._run()
