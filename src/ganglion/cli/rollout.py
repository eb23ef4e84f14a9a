"""The first release of a project in either world, and what its devices then answer; it cannot tell which world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import GanglionError, Unreachable
from ..core.facts import Answered
from ..core.fleet import Fleet, NodeId
from ..core.label import Zone
from ..flow.job.cloud import Job
from ..flow.job.messages import JobOver, JobStep, Order, Released
from ..flow.rollout.messages import Ringed
from ..flow.rollout.rule import Rule
from ..flow.sense.messages import Stream
from ..project.rollout import FILE, read_rollout
from ..run import Setup, World, truth

RATE_HZ = 20.0  # of each device's sensor
PATIENCE_S = 60.0  # beyond what the samples take to come in


@dataclass
class Served:
    """What devices answered."""

    release: int
    evaluation: dict[str, float] = field(default_factory=dict)
    answered: int = 0
    right: int = 0
    zones: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """For a table or a program."""
        took = sorted(self.took_s)
        return {
            "release": self.release,
            "answered": self.answered,
            "accuracy": self.right / self.answered if self.answered else None,
            "p50_ms": 1e3 * took[len(took) // 2] if took else None,
            "p95_ms": 1e3 * took[int(0.95 * (len(took) - 1))] if took else None,
            **{f"share_{zone.name.lower()}": self.share(zone) for zone in Zone},
            **self.evaluation,
        }

    def share(self, zone: Zone) -> float:
        """Of the answers, how many were found in that zone."""
        return self.zones[zone.name] / self.answered if self.answered else 0.0


def rings(fleet: Fleet) -> tuple[tuple[NodeId, ...], ...]:
    """The first edge alone, then all others."""
    edges = tuple(node.id for node in fleet.at(Zone.EDGE))
    return tuple(ring for ring in (edges[:1], edges[1:]) if ring)


def declared_rings(folder: Path, fleet: Fleet) -> tuple[tuple[tuple[NodeId, ...], ...], tuple[Rule, ...]]:
    """As the project's rollout.toml says; without one, the first edge alone and then all others, by no rule."""
    if not (folder / FILE).exists():
        return rings(fleet), ()
    read = read_rollout(folder / FILE, fleet)
    return read.nodes, read.rules


def release(world: World, timeout_s: float, say: Callable[[str], None]) -> Served:
    """Trains, packages and rolls out; says each step. Raises GanglionError with the reason where it fails."""
    since, cloud = len(world.facts), world.fleet.cloud.id
    world.begin(cloud, Job(1, Order("first release"), rings(world.fleet)))
    until_s = world.now_s() + timeout_s
    evaluation: dict[str, float] = {}

    def wanted(node: NodeId, body: Any) -> bool:
        return node == cloud and isinstance(body, (JobStep, Released, Ringed, JobOver))

    while True:
        body = world.wait(wanted, max(until_s - world.now_s(), 0.0), since)
        since = next(at for at in range(since, len(world.facts)) if world.facts[at][2] is body) + 1
        match body:
            case JobStep(_, step):
                say(f"{step} …")
            case Released(counter, _, _, told):
                evaluation = dict(told)
                say(f"release {counter}: {', '.join(f'{name} {value:g}' for name, value in told)}")
            case Ringed(counter, step, nodes):
                say(f"release {counter}: {step} {', '.join(nodes)}")
            case JobOver(_, counter, True, _):
                say(f"release {counter} is out")
                return Served(counter, evaluation)
            case JobOver(_, _, _, why):
                raise GanglionError(f"the first release was not made: {why}; correct that and run it again")


def serve(world: World, setup: Setup, served: Served, samples: int, first: int = 0) -> Served:
    """Every device senses so many samples; counts what they are answered. Raises Unreachable when answers stay out.

    `first` is the number of the first sample; in the life of a fleet no number may come twice.
    """
    since = len(world.facts)
    devices = [node.id for node in world.fleet.at(Zone.DEVICE)]
    for device in devices:
        source = next(iter(setup.sources[device]))
        world.tell(device, Stream(source, samples, RATE_HZ, first=first))
    until_s = world.now_s() + samples / RATE_HZ + PATIENCE_S
    while served.answered < samples * len(devices):
        try:
            world.wait(lambda node, body: isinstance(body, Answered), max(until_s - world.now_s(), 0.0), since)
        except Unreachable:
            missing = samples * len(devices) - served.answered
            raise Unreachable(f"{missing} samples were not answered: time ran out; look into the logs") from None
        for at in range(since, len(world.facts)):
            body = world.facts[at][2]
            if isinstance(body, Answered):
                _count(served, setup, body)
        since = len(world.facts)
    return served


def _count(served: Served, setup: Setup, body: Answered) -> None:
    served.answered += 1
    served.right += body.answer.y == truth(setup, body.answer.sample)
    served.zones[body.answer.zone.name] += 1
    served.took_s.append(body.took_s)
