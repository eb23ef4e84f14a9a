"""The loop as a script over a world: it tells nodes what their operators and sensors would, and waits for facts.

It cannot tell which world it runs in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Refused, Unreachable
from ..core.facts import Answered, Arrived, Drifted
from ..core.fleet import NodeId
from ..flow.adapt.messages import LearntLocally, Withheld
from ..flow.deliver.messages import Accepted, Delivered
from ..flow.job.cloud import Job
from ..flow.job.messages import JobOver, Order, Released
from ..flow.rollout.messages import RolledOut
from ..flow.round.messages import RoundOver
from ..flow.sense.messages import Stream, StreamOver
from ..run import World
from .fleet import CLEAN, CLOUD, DEVICES, DRIFTED, EDGES
from .options import DemoOptions

RINGS = ((DRIFTED,), (CLEAN,))
ALL_DEVICES = tuple(device for edge in EDGES for device in DEVICES[edge])
SWAPPED = 0.3  # share of two classes' labels that the bad release was trained with, swapped
AWAY_S = 4.0  # how long the cut link and the killed edge are away
SETTLE_S = 3.0


@dataclass
class Step:
    """A part of the story, for the timeline."""

    name: str
    began_s: float
    ended_s: float = 0.0
    note: str = ""


@dataclass
class Story:
    """What the script did and saw; everything else is in the world's facts."""

    steps: list[Step] = field(default_factory=list)
    arms: dict[str, tuple[int, int]] = field(default_factory=dict)  # way to serve -> first and past-last fact
    arm_bytes: dict[str, tuple[int, int]] = field(default_factory=dict)  # up, down on the edge-cloud links
    drift_from: int = 0  # number of the first fact after the change
    jobs: dict[int, JobOver] = field(default_factory=dict)
    frozen: int = 1  # number of the release that answered then
    learnt: int = 0  # number of the job that the change led to; 0 = none
    bad: int = 0  # number of the job that shipped the bad release
    withheld: str = ""
    error: str = ""


class Script:
    """One run of the loop."""

    def __init__(self, world: World, options: DemoOptions, say: Callable[[str], None]) -> None:
        self.world = world
        self.options = options
        self.story = Story()
        self._say = say
        self._next: dict[tuple[NodeId, str], int] = {}  # samples have a number of their own for ever

    def run(self) -> Story:
        """The whole loop."""
        self._step("first release", self.first_release)
        self._step("compare ways to serve", self.compare)
        self._step("the world of one site changes", self.drift)
        self._step("a bad release", self.bad_release)
        self._step("cut link, killed edge", self.outage)
        return self.story

    def _step(self, name: str, do: Callable[[], str]) -> None:
        self._say(name)
        step = Step(name, self.world.now_s())
        self.story.steps.append(step)
        step.note = do()
        step.ended_s = self.world.now_s()
        self._say(f"  {step.note}  ({step.ended_s - step.began_s:.1f} s)")

    def first_release(self) -> str:
        """Train, quantise, profile, plan, sign, roll out."""
        over = self._job(Order("first release"))
        if not over.counter:
            raise Refused(f"no first release was made: {over.why}")
        released = self._last(Released)
        parts = ", ".join(f"{name} {value:g}" for name, value in released.evaluation)
        return f"release {over.counter}: {parts}" if over.kept else f"not released: {over.why}"

    def compare(self) -> str:
        """The same public samples by each plan, in turn; then the same baselines in the changed world."""
        count = self.options.samples // len(ALL_DEVICES)
        for plan in ("", "cloud-only", "device-only", "device-only-unlimited", "edge-only"):
            self._arm(plan or "ganglion", "public", plan, count, ALL_DEVICES)
        for plan in ("cloud-only", "device-only"):
            self._arm(f"{plan}, drifted", "public-drifted", plan, count // 2, DEVICES[DRIFTED])
        return f"{count * len(ALL_DEVICES)} public samples by each of 5 plans"

    def drift(self) -> str:
        """Both sites stream; then one site's world changes, and the loop has to close by itself."""
        self._stream(ALL_DEVICES, "mixed")
        self.world.rest(5.0)
        self._stream(DEVICES[DRIFTED], "mixed-drifted")
        self.story.drift_from, self.story.frozen = len(self.world.facts), self._kept()
        self._say("  waiting for the detector, labels, learning on site, a round and a roll-out")
        drifted = self._wait(Drifted, 60.0, self.story.drift_from)
        ended = self._wait((LearntLocally, Withheld), 120.0, self.story.drift_from)
        if isinstance(ended, Withheld):
            self.story.withheld = ended.why
            return f"withheld: {ended.why}"
        last = self._wait((RoundOver, Withheld), 120.0, self.story.drift_from)
        if isinstance(last, Withheld):
            self.story.withheld = last.why
            return f"withheld: {last.why}"
        over = self._wait(JobOver, 180.0, self.story.drift_from)
        self.story.jobs[over.number], self.story.learnt = over, over.number
        local = f"{ended.before:.2f} -> {ended.after:.2f} on {ended.samples} labelled samples"
        self._arm("ganglion, drifted, learnt", "public-drifted", "", self.options.samples // 8, DEVICES[DRIFTED])
        self._stream(DEVICES[DRIFTED], "mixed-drifted")
        fate = "kept" if over.kept else f"not kept: {over.why}"
        return f"{drifted.by} noticed after {drifted.after}; on site {local}; release {over.counter} {fate}"

    def refine(self) -> str:
        """A release trained on from the last one, on the same public examples; after the drift it would forget it."""
        self._stream(ALL_DEVICES, "mixed")
        over = self._job(Order("refined", start=self._kept()))
        return f"release {over.counter} {'kept' if over.kept else 'not kept'}"

    def bad_release(self) -> str:
        """A release that is well in all but its answers."""
        order = Order("labels of two classes swapped", start=self._kept(), swapped=SWAPPED)
        over = self._job(order)
        return f"release {over.counter} {'was kept' if over.kept else 'rolled back: ' + over.why}"

    def outage(self) -> str:
        """One site loses its cloud, the other its edge; devices go on, and what was accepted arrives."""
        self.world.cut(CLEAN)
        self.world.kill(DRIFTED)
        self.world.rest(AWAY_S)
        self.world.mend(CLEAN)
        self.world.start(DRIFTED)
        self.world.rest(SETTLE_S)
        self._stream(ALL_DEVICES, "")
        self._drain()
        accepted, delivered = self._count(Accepted), self._count(Delivered)
        return f"{accepted} hard samples accepted, {delivered} delivered"

    def _kept(self) -> int:
        return max((over.counter for over in self.story.jobs.values() if over.kept), default=0)

    def _job(self, order: Order) -> JobOver:
        since = len(self.world.facts)
        number = int(self.world.begin(CLOUD, Job(0, order, RINGS)))
        over: JobOver = self._wait(JobOver, 180.0, since, lambda _, body: body.number == number)
        self.story.jobs[number] = over
        if order.swapped:
            self.story.bad = number
        return over

    def _arm(self, name: str, source: str, plan: str, count: int, devices: Iterable[NodeId]) -> None:
        first, before = len(self.world.facts), self._wan()
        devices = tuple(devices)
        for device in devices:
            self._begin_stream(device, source, count, plan, self.options.compare_hz)
        for device in devices:
            self._wait(StreamOver, 60.0, first, lambda node, _, device=device: node == device)
        self.world.rest(1.5)  # longer than any deadline
        self.story.arms[name] = (first, len(self.world.facts))
        after = self._wan()
        self.story.arm_bytes[name] = (after[0] - before[0], after[1] - before[1])

    def _wan(self) -> tuple[int, int]:
        each = [self.world.bytes(edge) for edge in EDGES]
        return sum(up for up, _ in each), sum(down for _, down in each)

    def _begin_stream(self, device: NodeId, source: str, count: int, plan: str, rate_hz: float) -> None:
        first = self._next.get((device, source), 0)
        self._next[device, source] = first + (count or 1_000_000)
        stream = Stream(source, count, rate_hz, plan, first=first)
        self.world.tell(device, stream)

    def _stream(self, devices: Iterable[NodeId], source: str) -> None:
        for device in devices:
            self._begin_stream(device, source, 0, "", self.options.rate_hz)

    def _drain(self) -> None:
        """Waits until every accepted sample was delivered, every sample answered and every roll-out ended.

        What is still missing after that is for the invariants to name.
        """
        for _ in range(120):
            self.world.rest(0.5)
            came = ((Accepted, Delivered), (Arrived, Answered), (Released, RolledOut))
            if all(self._count(begun) <= self._count(ended) for begun, ended in came):
                return

    def _count(self, kind: type) -> int:
        return len({_id_of(node, body) for _, node, body in self.world.facts if isinstance(body, kind)})

    def _last(self, kind: type) -> Any:
        return next(body for _, _, body in reversed(self.world.facts) if isinstance(body, kind))

    def _left_s(self, wanted_s: float) -> float:
        """How long to wait at most; virtual seconds are free. Raises Unreachable when the demo's own time is over."""
        if self.options.sim:
            return wanted_s
        left_s = self.options.timeout_s - self.world.now_s()
        if left_s <= 0.0:
            step = self.story.steps[-1].name
            raise Unreachable(f"not done within {self.options.timeout_s:g} s, in the step {step!r}; raise --timeout")
        return min(wanted_s, left_s)

    def _wait(
        self, kind: type | tuple[type, ...], timeout_s: float, since: int, where: Callable[..., bool] | None = None
    ) -> Any:
        def wanted(node: NodeId, body: Any) -> bool:
            return isinstance(body, kind) and (where is None or where(node, body))

        return self.world.wait(wanted, self._left_s(timeout_s), since)


def _id_of(node: NodeId, body: Any) -> Any:
    """What makes a fact one of a kind, however often it was told."""
    match body:
        case Accepted(sample):
            return node, sample
        case Delivered(sample, sender):
            return sender, sample
        case Answered(answer):
            return answer.sample
        case Arrived(sample):
            return sample.id
        case Released(counter) | RolledOut(counter):
            return counter
    return id(body)
