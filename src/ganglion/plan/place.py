"""Tries every way to lay a model's segments over device, edge and cloud, and keeps the best that meets the goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ..core.errors import ConfigError
from ..core.plan import Estimate, Plan, Stage
from .problem import Problem
from .shape import Shape
from .weigh import NO_ANSWER, Weighed, weighed

OBJECTIVES: dict[str, Callable[[Estimate], float]] = {
    "latency": lambda e: e.mean_s,
    "tail": lambda e: e.p95_s,
    "bytes": lambda e: e.up_bytes,
}
RISK_STEP = 0.005  # of accuracy: one image of 200
Key = tuple[float, float, float, float, tuple[tuple[float, ...], ...]]


@dataclass(frozen=True)
class Choice:
    """The best plan, why the others were not taken, and the best plan of every other shape, in order."""

    plan: Plan
    why: str
    alternatives: tuple[Plan, ...]


def place(problem: Problem, rng: Generator, name: str = "default") -> Choice:
    """The plan with the least objective that keeps risk, far share and deadline; raises ConfigError if none does.

    Exact over all shapes and settings (`plan/shape.py`). Every tier keeps the risk by itself, against the deepest
    exit that it may reach, on the calibration set; as the best of many plans is taken on the same set, the loss on
    fresh samples may be higher, so choose the risk with a margin. Equal plans are told apart by their stages.

    Source: Kang et al. 2017 (Neurosurgeon, ASPLOS) and Hu et al. 2019 (DADS, INFOCOM), cuts by profiles;
    Teerapittayanon et al. 2016, arXiv:1709.01686 (BranchyNet), and 2017, arXiv:1709.01921, exits over three zones;
    Li et al. 2018, arXiv:1806.07840 (Edgent), cut and exit chosen together.
    """
    return _best(problem, weighed(problem, rng), problem.goal.risk, name)


def careful(problem: Problem, rng: Generator, name: str = "default") -> Choice:
    """The best plan among those that lose least: a small step of risk is taken only where nothing else is left.

    Every plan is weighed once. Raises ConfigError as `place` does.
    """
    plans, goal = weighed(problem, rng), problem.goal
    able = [one.lost for one in plans if one.estimate is not None]
    steps = np.arange(goal.aim, goal.risk, RISK_STEP).tolist()
    return _best(problem, plans, next((risk for risk in steps if min(able, default=1.0) <= risk), goal.risk), name)


def _best(problem: Problem, plans: list[Weighed], risk: float, name: str) -> Choice:
    """The least of every shape among the plans that lose no more than `risk`."""
    if problem.goal.objective not in OBJECTIVES:
        raise ConfigError(f"objective {problem.goal.objective!r} is unknown; choose from {', '.join(OBJECTIVES)}")
    best: dict[Shape, tuple[Key, Plan]] = {}
    faults: Counter[str] = Counter()
    for one in plans:
        if one.estimate is None or one.lost > risk:
            faults[f"lose more than {risk:.1%}" if risk < one.lost < NO_ANSWER else one.fault] += 1
            continue
        key = _key(problem, one.estimate, one.stages)
        if one.shape not in best or key < best[one.shape][0]:
            best[one.shape] = (key, Plan(name, one.stages, problem.model.weights, one.estimate))
    said = "; ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
    if not best:
        raise ConfigError(
            f"none of {len(plans)} plans meets the goal: {said or 'none fits'}; allow more, or more memory"
        )
    ranked = tuple(plan for _, plan in sorted(best.values(), key=lambda item: item[0]))
    meeting = len(plans) - faults.total()
    why = f"least {problem.goal.objective} of {meeting} plans that meet the goal, among {len(plans)}"
    return Choice(ranked[0], f"{why}: {said}" if said else why, ranked[1:])


def _key(problem: Problem, estimate: Estimate, stages: tuple[Stage, ...]) -> Key:
    told = tuple((float(s.zone), float(s.first), float(s.last), *s.thresholds) for s in stages)
    return OBJECTIVES[problem.goal.objective](estimate), estimate.mean_s, estimate.up_bytes, -estimate.accuracy, told
