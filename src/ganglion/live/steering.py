"""Roll-outs at the wish of a person: created, paused, resumed, aborted, rolled back; each act is audited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..core.errors import ConfigError, NotFound, Refused
from ..core.facts import Audited
from ..core.label import Zone
from ..flow.rollout.cloud import FORWARD, Phase, Rollout
from ..flow.rollout.messages import Steer
from ..flow.rollout.revert import Revert
from ..node.drive import Drive
from ..node.numbers import take_number
from ..protect.access import Role
from .admin_gate import Asker
from .models import ModelStore
from .rollout_messages import AskRollouts, CreateRollout, RolloutRow, Rollouts, Steered, SteerRollout


@dataclass(frozen=True)
class Steering:
    """Over the flows of the cloud's node."""

    drive: Drive

    def answer(self, asked: CreateRollout | SteerRollout | AskRollouts, who: Asker) -> Steered | Rollouts:
        """Raises NotFound, ConfigError, and Refused with what may be done instead."""
        match asked:
            case AskRollouts():
                return rollouts(self.drive)
            case CreateRollout():
                return Steered(self._create(asked, who))
            case SteerRollout(counter, act):
                return Steered(self._steer(self._known(counter), act, who))

    def _create(self, asked: CreateRollout, who: Asker) -> int:
        """A release that was out before, or came back, goes out under a new number: nodes take no number twice."""
        tools = self.drive.tools
        counter = ModelStore(tools.disk, tools.codec).counter_of(asked.which)
        edges = {node.id for node in tools.fleet.at(Zone.EDGE)}
        if not asked.rings or not all(asked.rings) or len(asked.rings) != len(asked.rules):
            raise ConfigError(f"{len(asked.rings)} rings, {len(asked.rules)} rules: each ring has nodes and a rule")
        if strangers := {edge for ring in asked.rings for edge in ring} - edges:
            raise ConfigError(f"rings of {sorted(strangers)}: the edges are {sorted(edges)}; correct the file")
        self._check_idle()
        if (latest := self._latest()) is not None and latest.counter == counter:
            raise Refused(f"release {counter} is out already; name another, see `ganglion model ls`")
        return self._again(counter, "create", who, Revert(0, counter, who.name, asked.rings, rules=asked.rules))

    def _steer(self, flow: Rollout, act: str, who: Asker) -> int:
        """Where nothing can be done about it any more, the way that is left is said."""
        running = flow.phase in FORWARD
        if act == "rollback" and not running:
            return self._roll_back(flow, who)
        if not running:
            raise Refused(f"roll-out {flow.counter} is {flow.phase.name.lower()}: too late to {act} it; see its status")
        if act in ("pause", "resume") and flow.paused is (act == "pause"):
            raise Refused(f"roll-out {flow.counter} is {'paused' if flow.paused else 'not paused'}; nothing to {act}")
        self.drive.tell(Steer(flow.counter, "abort" if act == "rollback" else act, _name(who)))
        return flow.counter

    def _roll_back(self, flow: Rollout, who: Asker) -> int:
        """After the commit no floor falls: the weights of the release before come signed under a higher number."""
        if who.role is not Role.OWNER:
            raise Refused(f"release {flow.counter} is committed: only an owner rolls that back; ask the fleet's owner")
        if (latest := self._latest()) is None or latest.counter != flow.counter:
            raise Refused(
                f"release {flow.counter} is not what is out; roll back {latest.counter if latest else 'none'}"
            )
        self._check_idle()
        before = [one.counter for one in self._flows() if one.kept and one.counter < flow.counter]
        if not before:
            raise Refused(f"there is no release before {flow.counter}; make a better one")
        back = Revert(0, max(before), who.name, flow.rings, rules=flow.rules, trial=False)
        return self._again(max(before), "rollback", who, back)

    def _again(self, of: int, act: str, who: Asker, flow: Revert) -> int:
        number = take_number(self.drive.tools)
        self.drive.tell(Audited(f"roll-out: {act}", f"release {number} of release {of}", _name(who)))
        self.drive.start(replace(flow, number=number))
        return number

    def _check_idle(self) -> None:
        for flow in self._flows():
            if flow.phase is not Phase.OVER:
                raise Refused(f"release {flow.counter} is going out; wait for it, or abort it first")

    def _known(self, counter: int) -> Rollout:
        for flow in self._flows():
            if flow.counter == counter:
                return flow
        there = [flow.counter for flow in self._flows()]
        raise NotFound(f"no roll-out {counter}: there are {there}; see `ganglion rollout status`")

    def _latest(self) -> Rollout | None:
        return max((flow for flow in self._flows() if flow.kept), key=lambda flow: flow.counter, default=None)

    def _flows(self) -> Iterator[Rollout]:
        return _flows(self.drive)


def rollouts(drive: Drive) -> Rollouts:
    """Every roll-out that this node's journal knows, read in one go on its thread."""
    return Rollouts(tuple(_row(flow) for flow in sorted(_flows(drive), key=lambda flow: -flow.counter)))


def _flows(drive: Drive) -> Iterator[Rollout]:
    return (slot.flow for slot in list(drive.slots.values()) if isinstance(slot.flow, Rollout))


def _row(flow: Rollout) -> RolloutRow:
    names = tuple(flow.rule(place).name or f"ring {place + 1}" for place in range(len(flow.rings)))
    ring = min(flow.ring, len(flow.rings) - 1)
    states = tuple(sorted(flow.states.items()))
    return RolloutRow(
        flow.counter, flow.phase.name.lower(), flow.paused, flow.kept, ring, names, flow.rings, states, flow.why
    )


def _name(who: Asker) -> str:
    return f"{who.name} as {who.role.name.lower()}"
