"""Simulated fleets under power cuts: at every commit, and among crashes, partitions, loss and duplicates, by seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

from ..core.fleet import NodeId
from ..core.label import Label, Zone
from ..core.ports import Change, Disk, Row
from ..core.ref import Ref
from ..core.rng import stream
from .survive_fleet import WORST, Story, Verdict, begin, fleet, play, traffic, trouble

SETTLE_S = 400.0
CUT_CHANCE = 0.25  # of a commit
SYNC_S = 0.001  # of the simulated disk
AWAY_S = 0.05
NORMAL_S = 1.0  # how long a disk that tells too early takes to sync
Result = dict[str, Any]


@dataclass
class Through:
    """A disk over another."""

    below: Disk

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """As below."""
        self.below.commit(changes, tell)

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        """As below."""
        return self.below.scan(table, after)

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """As below."""
        return self.below.put(chunks, label)

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """As below."""
        return self.below.get(ref, start, size)

    def has(self, ref: Ref) -> bool:
        """As below."""
        return self.below.has(ref)

    def label(self, ref: Ref) -> Label:
        """As below."""
        return self.below.label(ref)

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """As below."""
        return self.below.patch(ref, start, data)

    def drop(self, ref: Ref) -> None:
        """As below."""
        self.below.drop(ref)


@dataclass
class Cutting(Through):
    """The power of its node goes while a commit is under way; how much of it is written then, chance says."""

    story: Story
    node: NodeId
    chance: Generator

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """As below, or not."""
        self.below.commit(changes, tell)
        if self.chance.random() < CUT_CHANCE:
            heap, life = self.story.world.heap, self.story.world.nodes[self.node].life

            def cut() -> None:
                if self.story.world.nodes[self.node].life == life:
                    self.story.kill(self.node)
                    heap.push(heap.now_s() + AWAY_S, lambda: self.story.start(self.node))

            heap.push(heap.now_s() + SYNC_S * float(self.chance.random()), cut)


@dataclass
class Hasty(Through):
    """What a database with synchronous=NORMAL is: it tells at once and syncs a while later."""

    story: Story
    node: NodeId

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """Told before it is true."""
        heap = self.story.world.heap
        heap.push(heap.now_s() + NORMAL_S, lambda: self.below.commit(changes, lambda: None))
        tell()


def at_every_commit(cuts: int, seed: int) -> Result:
    """Cloud, edge and device lose their power at one commit in four, until that was often enough."""
    done, verdicts, wrong = 0, list[Verdict](), list[str]()
    while done < cuts:
        story, number = _cut_story(seed + len(verdicts)), seed + len(verdicts)
        verdicts.append(story.verdict())
        done += story.cuts
        if not verdicts[-1].whole or story.waiting():
            wrong.append(f"seed {number}: {verdicts[-1]}, {story.waiting()} wait")
    return _row("power cuts at commits of the simulated fleet", done, verdicts, wrong)


def _cut_story(seed: int) -> Story:
    chance = stream(seed, "cuts at commits")
    story = begin(seed, fleet(1, 1), None, lambda told, node, disk: Cutting(disk, told, node, chance))
    story.world.wires.faults = WORST
    (edge,), now_s = (node.id for node in story.world.fleet.at(Zone.EDGE)), story.world.now_s()
    apart = [(now_s + 2.0, lambda: story.part(edge)), (now_s + 14.0, lambda: story.mend(edge))]  # what waits comes fast
    play(story, [*traffic(story, seed, 8.0, 30.0), *apart])
    story.heal()
    story.settle(SETTLE_S)
    return story


def seeds(number: int, first: int) -> Result:
    """Whole fleets: crashes, partitions, loss, duplicates and reordering, all over each other."""
    verdicts, wrong, cuts = list[Verdict](), list[str](), 0
    for seed in range(first, first + number):
        story = troubled(seed)
        verdicts.append(story.verdict())
        cuts += story.cuts
        if not verdicts[-1].whole or story.waiting() or story.world.wires.violations:
            wrong.append(f"seed {seed}: {verdicts[-1]}, {story.waiting()} wait, {story.world.wires.violations[:1]}")
    row = _row("whole fleets among crashes, partitions and duplicates", number, verdicts, wrong)
    return {**row, "cuts": cuts}


def troubled(seed: int, hasty: bool = False) -> Story:
    """Seven nodes, ten troubles."""
    story = begin(seed, fleet(2, 2), None, (lambda told, node, disk: Hasty(disk, told, node)) if hasty else None)
    story.world.wires.faults = WORST
    play(story, [*traffic(story, seed, 4.0, 12.0), *trouble(story, seed, 10, 12.0)])
    story.heal()
    story.settle(SETTLE_S)
    return story


def planted(number: int, first: int) -> Result:
    """The same with disks that tell before they have synced: it must be noticed."""
    verdicts = [troubled(seed, hasty=True).verdict() for seed in range(first, first + number)]
    row = _row("disks that tell too early (planted)", number, verdicts, [])
    seen = sum(not verdict.whole or verdict.unknown > 0 for verdict in verdicts)
    lost = sum(verdict.lost for verdict in verdicts)
    return {
        **row,
        "bar": "loses: the bench would notice",
        "ok": lost > 0,
        "why": f"noticed in {seen} of {number} seeds",
    }


def repeated(number: int, first: int) -> Result:
    """P15: a seed tells the same history whenever it is played."""
    same = sum(troubled(seed).history() == troubled(seed).history() for seed in range(first, first + number))
    other = troubled(first).history() != troubled(first + 1).history()
    bar = f"{number} of {number}, and another seed another"
    return {"what": "P15: the same seed, the same history", "runs": number, "ok": same == number and other, "bar": bar}


def _row(what: str, runs: int, verdicts: Sequence[Verdict], wrong: Sequence[str]) -> Result:
    """One line; every message is in it."""
    return {
        "what": what,
        "runs": runs,
        "messages": sum(one.offered for one in verdicts),
        "delivered": sum(one.delivered for one in verdicts),
        "lost": sum(one.lost for one in verdicts),
        "unknown": sum(one.unknown for one in verdicts),
        "twice": sum(one.twice for one in verdicts),
        "bar": "0 lost, 0 twice",
        "ok": not wrong,
        "why": " | ".join(wrong[:2]),
    }
