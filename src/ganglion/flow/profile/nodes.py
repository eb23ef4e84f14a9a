"""Both sides of a survey: the cloud asks one edge, the edge its first device, and each times itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Fetched
from ...core.fleet import NodeId
from ...core.label import Zone
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Start, Tell, Told, Wake, Woke
from ...core.profile import Profile
from ...core.ref import Ref
from ...core.release import StageGraph
from ..fetch.client import Fetch
from .messages import Measure, Measured, Surveyed, TimeStages

RETRY_S = 10.0


class Phase(IntEnum):
    """Where a measurement stands."""

    NEW = 0
    FETCHING = 1
    TIMING = 2
    OVER = 3


@dataclass
class Survey:
    """Durable, in the cloud: one profile per zone, or what is known when patience ends."""

    number: int
    stored: Ref
    graphs: tuple[StageGraph, ...]
    input_shape: tuple[int, ...]
    edge: NodeId
    patience_s: float
    phase: Phase = Phase.NEW
    got: dict[int, Profile] = field(default_factory=dict)
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which survey."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                self.phase = Phase.TIMING
                ask = Send(self.edge, Measure(self.number, self.stored, self.graphs, self.input_shape))
                own = Do("time", TimeStages(self.stored, self.graphs, self.input_shape, int(Zone.CLOUD)))
                return [ask, own, Wake("late", now_s + self.patience_s)]
            case Phase.TIMING, Done("time", Profile() as profile):
                return self._got(int(Zone.CLOUD), profile)
            case Phase.TIMING, Heard(_, Measured(_, zone, profile)):
                return self._got(zone, profile)
            case Phase.TIMING, Woke("late"):
                self.phase = Phase.OVER
                why = f"{sorted(Zone(z).name for z in Zone if z not in self.got)} were not measured in time"
                return [Tell(Surveyed(self.number, tuple(sorted(self.got.items())), why))]
            case Phase.TIMING, Failed(_, why):
                self.phase = Phase.OVER
                return [Tell(Surveyed(self.number, (), why))]
        return [Tell(Ignored("Survey", self.key, type(event).__name__, self.phase.name))]

    def _got(self, zone: int, profile: Profile) -> Sequence[Command]:
        self.got[zone] = profile
        if len(self.got) < len(Zone):
            return []
        self.phase = Phase.OVER
        return [Tell(Surveyed(self.number, tuple(sorted(self.got.items()))))]


@dataclass
class Gauge:
    """Durable, on an edge or device: fetches the stages, times them, answers; an edge also asks its first device."""

    number: int
    zone: int
    parent: NodeId
    child: NodeId | None
    phase: Phase = Phase.NEW
    asked: Measure | None = None
    timed: bool = False
    missing: tuple[Ref, ...] = ()
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which survey."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Began():
                return []
            case Phase.NEW, Heard(_, Measure() as asked):
                self.phase, self.asked = Phase.FETCHING, asked
                self.missing = (asked.stored, *(graph.graph for graph in asked.graphs))
                return self._fetch(now_s)
            case Phase.FETCHING, Told(Fetched(ref)):
                self.missing = tuple(other for other in self.missing if other != ref)
                return [] if self.missing else self._time()
            case Phase.FETCHING, Woke("retry"):
                return self._fetch(now_s)
            case Phase.TIMING, Done("time", Profile() as profile):
                self.timed = True
                return self._answer(Measured(self.number, self.zone, profile))
            case _, Heard(sender, Measured() as measured) if sender == self.child:
                self.child = None
                return self._answer(measured)
            case _, Told(Fetched()) | Woke("retry") | Failed():
                return []
        return [Tell(Ignored("Gauge", self.key, type(event).__name__, self.phase.name))]

    def _answer(self, measured: Measured) -> Sequence[Command]:
        """Hands a figure on; the device may be done before its edge."""
        if self.timed and self.child is None:
            self.phase = Phase.OVER
        return [Send(self.parent, measured)]

    def _fetch(self, now_s: float) -> Sequence[Command]:
        return [*(Start(Fetch(ref, self.parent)) for ref in self.missing), Wake("retry", now_s + RETRY_S)]

    def _time(self) -> Sequence[Command]:
        asked = self.asked
        assert asked is not None
        self.phase = Phase.TIMING
        on: list[Command] = [] if self.child is None else [Send(self.child, asked)]
        return [*on, Do("time", TimeStages(asked.stored, asked.graphs, asked.input_shape, self.zone))]
