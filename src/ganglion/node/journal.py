"""A durable flow's journal: what it heard, since its last snapshot, in the order it was committed.

Replaying it gives the same state and the same commands; it holds digests and names, never tensors or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.codec import Codec
from ..core.errors import Corrupt
from ..core.fleet import NodeId
from ..core.ports import Change, Disk, Drop, Put
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
    Linked,
    Told,
    Wake,
    Woke,
)

TABLE = "journal"
FORMAT = 1  # of an Entry; raised when a field changes its meaning
ENTRIES = 100  # a journal longer than this is replaced by a snapshot even without a change of phase


@dataclass(frozen=True)
class Entry:
    """One line of a journal: an event, or a snapshot that replaces everything before it."""

    format: int
    at_s: float
    event: str  # name of the event's class, or "Snapshot"
    name: str = ""  # of work or wake; the sender or peer
    text: str = ""  # why it failed
    flag: bool = False  # refused, or link up
    body: bytes = b""  # codec bytes of a message, result, fact or the flow itself
    doing: tuple[tuple[str, bytes], ...] = ()  # snapshot: work without a Done
    waking: tuple[tuple[str, float], ...] = ()  # snapshot: wakes that have not come


@dataclass
class Slot:
    """A flow on a node, and what it has asked for that has not come back."""

    flow: Flow
    doing: dict[str, Any] = field(default_factory=dict)
    waking: dict[str, float] = field(default_factory=dict)
    entries: int = 0  # of its journal since the last snapshot

    @property
    def kind(self) -> str:
        """Which process it is a side of."""
        return type(self.flow).__name__

    @property
    def id(self) -> str:
        """Names the flow on its node."""
        return f"{self.kind}/{self.flow.key}"

    @property
    def durable(self) -> bool:
        """Whether it has a journal."""
        return type(self.flow).durable

    @property
    def over(self) -> bool:
        """Whether it has ended; it then ignores everything."""
        return self.flow.phase.name == "OVER"

    def settle(self, event: Event) -> None:
        """Takes note of what came back."""
        match event:
            case Done(name) | Failed(name):
                self.doing.pop(name, None)
            case Woke(name):
                self.waking.pop(name, None)

    def ask(self, command: Command) -> None:
        """Takes note of what was asked for."""
        match command:
            case Do(name, work):
                self.doing[name] = work
            case Wake(name, at_s):
                self.waking[name] = at_s
            case Cancel(name):
                self.doing.pop(name, None)
                self.waking.pop(name, None)


def record(slot: Slot, event: Event, at_s: float, codec: Codec) -> Put:
    """The line that an event leaves behind."""
    kind = type(event).__name__
    match event:
        case Began():
            entry = Entry(FORMAT, at_s, kind, body=codec.encode(slot.flow))
        case Heard(sender, body):
            entry = Entry(FORMAT, at_s, kind, name=sender, body=codec.encode(body))
        case Woke(name):
            entry = Entry(FORMAT, at_s, kind, name=name)
        case Done(name, result):
            entry = Entry(FORMAT, at_s, kind, name=name, body=codec.encode(result))
        case Failed(name, reason, refused):
            entry = Entry(FORMAT, at_s, kind, name=name, text=reason, flag=refused)
        case Told(body):
            entry = Entry(FORMAT, at_s, kind, body=codec.encode(body))
        case Linked(peer, up):
            entry = Entry(FORMAT, at_s, kind, name=peer, flag=up)
    return Put(TABLE, slot.id, codec.encode(entry))


def snapshot(slot: Slot, at_s: float, codec: Codec) -> tuple[Change, Change]:
    """Replaces a flow's journal by where it stands now."""
    entry = Entry(
        FORMAT,
        at_s,
        "Snapshot",
        body=codec.encode(slot.flow),
        doing=tuple((name, codec.encode(work)) for name, work in slot.doing.items()),
        waking=tuple(slot.waking.items()),
    )
    return Drop(TABLE, slot.id), Put(TABLE, slot.id, codec.encode(entry))


def _event(entry: Entry, codec: Codec) -> Event:
    match entry.event:
        case "Began":
            return Began()
        case "Heard":
            return Heard(NodeId(entry.name), codec.decode(entry.body))
        case "Woke":
            return Woke(entry.name)
        case "Done":
            return Done(entry.name, codec.decode(entry.body))
        case "Failed":
            return Failed(entry.name, entry.text, entry.flag)
        case "Told":
            return Told(codec.decode(entry.body))
        case "Linked":
            return Linked(NodeId(entry.name), entry.flag)
    raise Corrupt(f"a journal entry of kind {entry.event!r} is unknown here; it was written by a newer ganglion")


def replay(
    disk: Disk, codec: Codec, seen: Callable[[str, Event, list[Command]], None] | None = None
) -> Iterator[tuple[Slot, float]]:
    """Every journalled flow as it stood, with the latest node time; `seen` is shown each step on the way.

    Nothing is carried out: what has no Done stays in `doing`, for the caller to ask again.
    """
    slots: dict[str, Slot] = {}
    latest_s = 0.0
    for row in disk.scan(TABLE):
        entry: Entry = codec.decode(row.data)
        if entry.format != FORMAT:
            raise Corrupt(f"journal entry {row.id} has format {entry.format}, this ganglion reads {FORMAT}; upgrade it")
        latest_s = max(latest_s, entry.at_s)
        if entry.event == "Snapshot":
            doing = {name: codec.decode(work) for name, work in entry.doing}
            slots[row.key] = Slot(codec.decode(entry.body), doing, dict(entry.waking))
            continue
        if entry.event == "Began":
            slots[row.key] = Slot(codec.decode(entry.body))
        slot, event = slots[row.key], _event(entry, codec)
        slot.settle(event)
        commands = list(slot.flow.on(event, entry.at_s))
        for command in commands:
            slot.ask(command)
        if seen is not None:
            seen(row.key, event, commands)
    for slot in slots.values():
        yield slot, latest_s


def restored(slots: dict[str, Slot], disk: Disk, codec: Codec) -> float:
    """Puts the durable flows among these to where their journals on the disk end; the latest node time there, in s.

    A flow that the disk lacks was never begun. One that is known stays the same object: what it asked for finds back.
    """
    read = list(replay(disk, codec))
    found = {slot.id: slot for slot, _ in read}
    for name in [name for name, slot in slots.items() if slot.durable and name not in found]:
        del slots[name]
    for name, slot in found.items():
        known = slots.setdefault(name, slot)
        known.flow, known.doing, known.waking, known.entries = slot.flow, slot.doing, slot.waking, 0
    return max((at_s for _, at_s in read), default=0.0)
