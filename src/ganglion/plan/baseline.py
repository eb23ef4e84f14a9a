"""What a plan is compared with: everything in one zone, for the samples that may go anywhere."""

from __future__ import annotations

from numpy.random import Generator

from ..core.label import Tier, Zone
from ..core.plan import ALWAYS, NEVER, Plan, Stage
from .cost import Cost
from .problem import Problem

ONE_ZONE = (  # name, zone, whether its memory limit holds
    ("cloud-only", Zone.CLOUD, True),
    ("edge-only", Zone.EDGE, True),
    ("device-only", Zone.DEVICE, True),
    ("device-only-unlimited", Zone.DEVICE, False),
)


def baselines(problem: Problem, rng: Generator) -> tuple[Plan, ...]:
    """Each zone alone, sent raw samples, with the deepest exit that its memory holds; without any it is left out.

    They are priced over public samples, which alone may go everywhere; they need not meet the goal.
    """
    cost, mix = Cost.of(problem, rng), ((Tier.PUBLIC, 1.0),)
    plans = []
    for name, zone, limited in ONE_ZONE:
        depths = [n for n in range(1, len(problem.model.exits) + 1) if problem.fits(zone, 0, n, limited)]
        if not depths:
            continue
        stages = (Stage(zone, 0, depths[-1], (NEVER,) * (depths[-1] - 1) + (ALWAYS,)),)
        paths = cost.paths(stages, mix)
        estimate = cost.estimate(stages, paths, mix) if paths else None
        plans.append(Plan(name, stages, problem.model.weights, estimate))
    return tuple(plans)
