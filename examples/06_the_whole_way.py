"""A project in the simulator: train, plan, sign, roll out, answer. As processes it would be the same calls.

Give a project's folder, or take the one that `ganglion new` writes. Needs `ganglion[train]`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import ganglion
from ganglion.config import read_fleet
from ganglion.core.facts import Answered
from ganglion.core.label import Zone
from ganglion.flow.job.cloud import Job
from ganglion.flow.job.messages import JobOver, JobStep, Order
from ganglion.flow.sense.messages import Stream
from ganglion.project import resolve
from ganglion.run import Setup, simulated_world, truth

SAMPLES = 50


def main(folder: Path) -> None:
    """One release, then some samples from every device."""
    loaded = resolve(str(folder))
    declared = read_fleet(folder / "fleet.toml", loaded.goal)
    devices = [node.id for node in declared.fleet.at(Zone.DEVICE)]
    sources = {device: loaded.streams(device) for device in devices}
    setup = Setup(declared.fleet, declared.policy, str(folder), sources, declared.label_share)
    edges = tuple(node.id for node in declared.fleet.at(Zone.EDGE))

    with simulated_world(setup, 7, loaded) as world:
        world.begin(world.fleet.cloud.id, Job(1, Order("first release"), (edges,)))
        over = world.wait(lambda node, fact: isinstance(fact, JobOver), timeout_s=300.0)
        for at_s, _, fact in world.facts:
            if isinstance(fact, JobStep):
                print(f"{at_s:7.2f} s  {fact.step}")
        print(f"{world.now_s():7.2f} s  release {over.counter} is {'out' if over.kept else 'not out: ' + over.why}")

        since = len(world.facts)
        for device in devices:
            world.tell(device, Stream(next(iter(sources[device])), SAMPLES, rate_hz=20.0))
        world.rest(SAMPLES / 20.0 + 2.0)
        answers = [fact.answer for _, _, fact in world.facts[since:] if isinstance(fact, Answered)]
    right = sum(answer.y == truth(setup, answer.sample) for answer in answers)
    where = ", ".join(f"{count} at the {zone.name.lower()}" for zone, count in Counter(a.zone for a in answers).items())
    print(f"{len(answers)} samples answered: {where}; {right / len(answers):.1%} right")


if __name__ == "__main__":
    template = Path(ganglion.__file__).parent / "template"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else template)
