"""One node's side of a roll-out, the same on edge and device; an edge hands on to its devices what it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ...core.facts import Activated, Fetched, Restarted
from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Start, Tell, Told, Wake, Woke
from ...core.ref import Ref
from ...core.update import Statistic
from ..fetch.client import Fetch
from ..rollout.messages import Back, Commit, Offer, Promote, Report
from ..trial.edge import Trial
from ..trial.messages import Verdict
from .mend import give_up, mend
from .messages import Activate, Active, Examine, Inspect, Installed, Needs, Verified, Verify
from .phase import Phase as Phase

RETRY_S = 10.0
CRASHES = 3  # of this process while a release is verified, or of an edge's on probation: then it is a no


@dataclass
class Install:
    """Durable. Gates are local: a site that says no goes back by itself. The floor rises only with a commit."""

    me: NodeId
    parent: NodeId
    zone: int
    children: tuple[NodeId, ...]
    inputs: int  # samples a trial wants before it lets an undecided release pass
    phase: Phase = Phase.IDLE
    current: int = 0  # release that answers
    manifest: Ref | None = None  # of it
    before: int = 0  # the one before, kept to go back to
    manifest_before: Ref | None = None
    floor: int = 0
    trying: int = 0
    offered: Ref | None = None
    live: bool = False
    missing: tuple[Ref, ...] = ()
    waiting: tuple[NodeId, ...] = ()  # devices that have not reported the release that is on probation
    passed: bool = False  # the trial's word
    settled: int = 0  # release that was committed while it was still on its way here
    evidence: tuple[Statistic, ...] = field(default_factory=tuple)
    crashes: int = 0  # of this process while the release is verified; then while it is on probation
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Heard(_, Offer() as offer):
                return self._offered(offer, now_s)
            case _, Heard(_, Promote(counter)) if counter == self.trying:
                return self._promoted()
            case _, Heard(_, Commit(counter)) if counter in (self.trying, self.current):
                return self._commit(counter)
            case _, Heard(_, Back(counter, why)):
                return self._back(counter, why)
            case _, Heard(child, Report() as report) if child in self.children:
                return self._child(child, report)
            case Phase.IDLE, Told(Restarted() | Fetched()) | Done("examine"):
                return self._mend(event)
            case Phase.FETCHING, Told(Fetched(ref)) if ref in self.missing:
                return self._fetched(ref)
            case Phase.FETCHING, Done("inspect", Needs(_, missing)):
                self.missing = missing
                return self._fetch(now_s) if missing else self._verify()
            case Phase.FETCHING, Woke("retry"):
                return self._fetch(now_s)
            case Phase.VERIFYING, Done("verify", Verified()):
                return self._switch() if self.live else self._shadow(now_s)
            case Phase.SWITCHING, Done("activate", Active(counter)):
                return self._switched(counter, now_s)
            case Phase.RETURNING, Done("return", Active()) | Failed() | Woke("return"):
                return self._return(event, now_s)
            case ((Phase.SHADOW | Phase.PROBATION), Told(Verdict() as verdict)) if verdict.counter == self.trying:
                return self._judged(verdict)
            case ((Phase.SHADOW | Phase.PROBATION), Woke("trial")):
                return self._trial(now_s)  # a crash ends a trial: begin it again
            case ((Phase.VERIFYING | Phase.PROBATION), Told(Restarted())):
                return self._crashed()
            case ((Phase.FETCHING | Phase.VERIFYING | Phase.SWITCHING), Failed(_, why)):
                return self._failed(why)
            case _, Began() | Told(Fetched() | Verdict() | Restarted()) | Woke() | Done("examine"):
                return []
        return [Tell(Ignored("Install", "", type(event).__name__, self.phase.name))]

    def _mend(self, event: Event) -> Sequence[Command]:
        if self.manifest is None:
            return []
        look = Do("examine", Examine(self.manifest, self.current))
        self.missing, commands = mend(look, self.missing, event, self.parent)
        return commands

    def _return(self, event: Event, now_s: float) -> Sequence[Command]:
        """Going back is tried until it works: it was verified here once, so what fails is this moment."""
        match event:
            case Done(_, Active(counter)):
                return self._returned(counter)
            case Failed(_, why):
                return [Tell(Installed(self.current, "returning", why)), Wake("return", now_s + RETRY_S)]
        return [Do("return", Activate(self.before, self.manifest_before))]

    def _offered(self, offer: Offer, now_s: float) -> Sequence[Command]:
        if offer.counter == self.current and self.phase is Phase.IDLE:
            return [self._report("live")]
        if offer.counter == self.trying:
            return []
        above, busy = max(self.floor, self.trying), self.phase is not Phase.IDLE
        if offer.counter <= above or busy:  # two roll-outs at once: the one that came first goes on
            why = f"release {self.trying} is being tried here"
            why = why if offer.counter > above else f"release {offer.counter} is not above the floor {above}"
            return [Send(self.parent, Report(offer.counter, "failed", why))]
        self.phase, self.trying, self.offered, self.live = Phase.FETCHING, offer.counter, offer.manifest, offer.live
        self.missing, self.evidence, self.waiting, self.crashes = (offer.manifest,), (), (), 0
        self.passed = not offer.trial
        return self._fetch(now_s)

    def _fetch(self, now_s: float) -> Sequence[Command]:
        return [*(Start(Fetch(ref, self.parent)) for ref in self.missing), Wake("retry", now_s + RETRY_S)]

    def _fetched(self, ref: Ref) -> Sequence[Command]:
        self.missing = tuple(other for other in self.missing if other != ref)
        if not self.missing and ref == self.offered:
            return [Do("inspect", Inspect(ref, self.trying, self.floor))]
        return [] if self.missing else self._verify()

    def _verify(self) -> Sequence[Command]:
        assert self.offered is not None
        self.phase = Phase.VERIFYING
        return [Do("verify", Verify(self.offered, self.zone))]

    def _shadow(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.SHADOW
        return [self._report("shadow"), *self._trial(now_s)]

    def _promoted(self) -> Sequence[Command]:
        self.live = True
        return self._switch() if self.phase is Phase.SHADOW else []

    def _switch(self) -> Sequence[Command]:
        self.phase = Phase.SWITCHING
        return [Do("activate", Activate(self.trying, self.offered))]

    def _switched(self, counter: int, now_s: float) -> Sequence[Command]:
        self.phase, self.crashes = Phase.PROBATION, 0
        self._switch_over(counter)
        self.waiting = self.children
        assert self.offered is not None
        offers = [Send(child, Offer(counter, self.offered, live=True)) for child in self.children]
        told = [Tell(Activated(counter, self.before)), Tell(Installed(counter, "live"))]
        if self.settled == counter:
            return [*told, self._report("live"), *offers, *self._commit(counter)]
        return [*told, self._report("live"), *offers, *self._trial(now_s), *self._ready()]

    def _trial(self, now_s: float) -> list[Command]:
        """An edge compares old and new on its site's samples; devices and first releases have nothing to compare."""
        champion = self.before if self.phase is Phase.PROBATION else self.current
        if not self.children or champion == 0:
            self.passed = True
            return self._ready() if self.phase is Phase.SHADOW else []
        if self.passed:
            return []
        return [Start(Trial(self.trying, champion, self.inputs)), Wake("trial", now_s + RETRY_S)]

    def _judged(self, verdict: Verdict) -> Sequence[Command]:
        self.evidence, self.passed = verdict.evidence, verdict.passed
        return self._ready() if verdict.passed else self._refuse(verdict.why)

    def _refuse(self, why: str) -> Sequence[Command]:
        """This site says no. What answers already goes back at once; what is in the shadow waits for the cloud."""
        back = self._back(self.trying, why) if self.phase is Phase.PROBATION else []
        return [Send(self.parent, Report(self.trying, "failed", why, self.evidence)), *back]

    def _crashed(self) -> Sequence[Command]:
        """A release that ends the process, again and again, must not keep it from coming up."""
        self.crashes += bool(self.children) or self.phase is Phase.VERIFYING
        if self.crashes < CRASHES:
            return []
        if self.phase is Phase.PROBATION:
            return self._refuse(f"{CRASHES} crashes on probation")
        return give_up(self._failed(f"{CRASHES} crashes while it was verified"))

    def _ready(self) -> list[Command]:
        """Passed: the trial says so, and no device of the site is still on its way."""
        if not self.passed or (self.phase is Phase.PROBATION and self.waiting):
            return []
        return [self._report("passed")] if self.children else []

    def _child(self, child: NodeId, report: Report) -> Sequence[Command]:
        if report.counter != self.current or self.phase is not Phase.PROBATION:
            return []
        if report.state == "failed":
            return self._refuse(f"{child}: {report.why}")
        self.waiting = tuple(other for other in self.waiting if other != child)
        return self._ready()

    def _commit(self, counter: int) -> Sequence[Command]:
        if self.phase is Phase.RETURNING or (self.phase is Phase.IDLE and counter != self.current):
            return [Send(self.parent, Report(counter, "back"))]  # it was refused here meanwhile
        if counter != self.current:  # it is still on its way here: take it as soon as it is verified
            self.settled = counter
            return self._promoted()
        self.phase, self.floor, self.trying = Phase.IDLE, counter, counter
        commits = [Send(child, Commit(counter)) for child in self.children]
        return [*commits, Tell(Installed(counter, "committed")), Send(self.parent, Report(counter, "committed"))]

    def _back(self, counter: int, why: str) -> Sequence[Command]:
        if counter == self.trying and self.phase is Phase.SWITCHING:  # the switch may have happened already: undo it
            self._switch_over(counter)
        if counter == self.current and self.phase in (Phase.PROBATION, Phase.SWITCHING):
            self.phase = Phase.RETURNING
            backs = [Send(child, Back(counter, why)) for child in self.children]
            return [*backs, Do("return", Activate(self.before, self.manifest_before))]
        if counter == self.trying and self.phase is not Phase.RETURNING:
            self.phase = Phase.IDLE
        return [Send(self.parent, Report(counter, "back"))]

    def _switch_over(self, counter: int) -> None:
        self.before, self.manifest_before = self.current, self.manifest
        self.current, self.manifest = counter, self.offered

    def _returned(self, counter: int) -> Sequence[Command]:
        left, self.phase = self.current, Phase.IDLE
        self.current, self.manifest = counter, self.manifest_before
        told = [Tell(Activated(counter, left)), Tell(Installed(left, "back"))]
        return [*told, Send(self.parent, Report(left, "back"))]

    def _failed(self, why: str) -> Sequence[Command]:
        self.phase = Phase.IDLE
        return [Tell(Installed(self.trying, "failed", why)), self._report("failed", why)]

    def _report(self, state: str, why: str = "") -> Command:
        return Send(self.parent, Report(self.trying, state, why, self.evidence if state == "passed" else ()))
