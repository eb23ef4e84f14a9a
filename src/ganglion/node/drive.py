"""The only interpreter of commands, the same in both worlds: decide, commit, act.

A durable flow's event and the messages it leads to are committed in one transaction before anything is done about
them. After a crash the journal is replayed without acting; then what has no Done is asked again, and what nobody has
acknowledged is sent again. It knows six commands for ever, and no algorithm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..core.facts import Denied, Missed, Restarted
from ..core.fleet import NodeId
from ..core.gate import denial
from ..core.ports import Change, Parcel
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
from .journal import ENTRIES, Slot, record, restored, snapshot
from .outbox import Gap
from .post import Post
from .quarantine import Quarantine
from .requests import Requests
from .routes import Routes
from .runs import Runs, key_of
from .tools import Tools
from .world import World as World

Act = Callable[[], None]


class Drive:
    """One node's flows over its ports."""

    def __init__(self, tools: Tools, world: World, runs: Sequence[Runs], incarnation: str) -> None:
        self.tools = tools
        self.world = world
        self.routes = Routes(runs)
        self.slots = self.routes.slots
        self.requests = Requests(world.clock, world.workers, self.routes, self._back)
        self.post = Post(tools, world.clock, world.net, world.observe, incarnation)
        self.quarantine = Quarantine(tools.codec)
        self._agenda: deque[tuple[Slot, Event]] = deque()
        self._changes: list[Change] = []
        self._later: list[Act] = []  # acts of durable flows: after the commit
        self._running = False

    def now_s(self) -> float:
        """Node time: monotonic, and going on where a former life of this node stopped."""
        return self.requests.now_s()

    def boot(self) -> None:
        """Replays the journal, asks again for what is missing, begins the standing flows, watches the outbox."""
        self.requests.resume(restored(self.slots, self.tools.disk, self.tools.codec))
        self.quarantine.load(self.tools.disk)
        self.post.boot()  # before anything is done again: what that promises goes on behind what was promised
        for slot in [slot for slot in self.slots.values() if not slot.over]:
            self.requests.again(slot)
        back = bool(self.slots)
        for flow in self.routes.missing(self.tools):
            self.start(flow)
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
        if not self.post.expects(sender, parcel) or (parcel.seq and self._running):
            return
        try:
            self._take(sender, parcel)
            self._run()
        except Exception as error:  # boundary: a flow's own fault; told to the world, and counted against the message
            self.quarantine.failed(sender, parcel, f"{type(error).__name__}: {error}")
            raise

    def _take(self, sender: NodeId, parcel: Parcel) -> None:
        aside = self.quarantine.take(sender, parcel)
        why = denial((parcel.body, tuple(ref for ref, _ in parcel.attached)), self.tools.fleet.zone(self.tools.me))
        if not why and aside is None and not self.post.taken(sender, parcel, self.routes.hearers):
            return
        self._settle(sender, parcel)
        if aside is not None:
            self._changes.append(aside[0])
            self._spread(aside[1], durable=True)
        elif isinstance(gap := parcel.body, Gap):
            self._spread(Missed(sender, gap.first, parcel.seq, gap.items, gap.size_bytes, gap.why), durable=True)
        else:
            self._accept(sender, parcel.body, why)

    def _settle(self, sender: NodeId, parcel: Parcel) -> None:
        if parcel.seq:
            self._changes.append(self.post.outbox.applied(sender, parcel))
            self._later.append(partial(self.post.settled, sender, parcel))

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
        except BaseException:
            self._agenda, self._changes, self._later = deque(), [], []
            self.tools.disk.commit([], self._restore)  # after all that was asked before it
            raise
        self._running = False
        changes, acts, self._changes, self._later = self._changes, self._later, [], []
        if changes:
            self.tools.disk.commit(changes, lambda: self._act(acts))
        elif acts:
            self._act(acts)

    def _restore(self) -> None:
        """A cause broke halfway: durable flows and promises stand where the disk says, as after a restart."""
        restored(self.slots, self.tools.disk, self.tools.codec)
        self.post.restore()
        self._running = False
        self._run()

    def _act(self, acts: list[Act]) -> None:
        for act in acts:
            act()
        self._run()

    def _step(self, slot: Slot, event: Event) -> None:
        if slot.over:
            return self.world.observe(Ignored(slot.kind, slot.flow.key, type(event).__name__, "OVER"))
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
        act: Act | None = None
        match command:
            case Tell(body):
                self._spread(body, slot.durable)
            case Start(flow):
                self._begin(flow)
            case Send():
                act = self._send(slot, command)
            case Do(name, work):
                act = partial(self.requests.do, slot, name, work)
            case Wake(name, at_s):
                act = partial(self.requests.wake, slot, name, at_s)
            case Cancel(name):
                act = partial(self.requests.cancel, slot, name)
        if act is not None and slot.durable:
            self._later.append(act)
        elif act is not None:
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
