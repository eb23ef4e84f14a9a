"""Tries every way to lay a model's segments over device, edge and cloud, and keeps the best that meets the goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from ..core.errors import ConfigError
from ..core.label import Tier, Zone
from ..core.plan import Estimate, Plan, Stage
from .cost import Cost, Mix
from .problem import Problem
from .shape import Shape, settings, shapes

OBJECTIVES: dict[str, Callable[[Estimate], float]] = {
    "latency": lambda e: e.mean_s,
    "tail": lambda e: e.p95_s,
    "bytes": lambda e: e.up_bytes,
}
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
    if problem.goal.objective not in OBJECTIVES:
        raise ConfigError(f"objective {problem.goal.objective!r} is unknown; choose from {', '.join(OBJECTIVES)}")
    cost = Cost.of(problem, rng)
    mix = tuple((tier, share) for tier, share in problem.mix if share > 0)
    reference = {tier: _deepest(cost, tier) for tier, _ in mix}
    best: dict[Shape, tuple[Key, Plan]] = {}
    faults: Counter[str] = Counter()
    tried = 0
    for shape in shapes(problem):
        for stages in settings(shape, problem.grid):
            tried += 1
            fault, estimate = _weigh(cost, stages, mix, reference)
            if estimate is None:
                faults[fault] += 1
                continue
            key = _key(problem, estimate, stages)
            if shape not in best or key < best[shape][0]:
                best[shape] = (key, Plan(name, stages, problem.model.weights, estimate))
    said = "; ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
    if not best:
        raise ConfigError(f"none of {tried} plans meets the goal: {said or 'none fits'}; allow more, or more memory")
    ranked = tuple(plan for _, plan in sorted(best.values(), key=lambda item: item[0]))
    why = f"least {problem.goal.objective} of {tried - faults.total()} plans that meet the goal, among {tried}"
    return Choice(ranked[0], f"{why}: {said}" if said else why, ranked[1:])


def _weigh(
    cost: Cost, stages: tuple[Stage, ...], mix: Mix, reference: dict[Tier, float]
) -> tuple[str, Estimate | None]:
    """A plan's estimate, or what is against it."""
    goal, paths = cost.problem.goal, cost.paths(stages, mix)
    if paths is None:
        return "leave a tier without an answer", None
    if any(reference[path.tier] - path.accuracy > goal.risk + 1e-12 for path in paths):
        return f"lose more than {goal.risk:.1%}", None
    far = len(stages) - 1 if stages[-1].zone is Zone.CLOUD else None
    if far is not None and any(p.tier is Tier.PUBLIC and p.shares[far] > goal.far_share for p in paths):
        return f"send more than {goal.far_share:.1%} of the public samples to the cloud", None
    estimate = cost.estimate(stages, paths, mix)
    if estimate.p95_s > goal.deadline_s:
        return f"are later than {goal.deadline_s:g} s in more than 5 % of cases", None
    return "", estimate


def _deepest(cost: Cost, tier: Tier) -> float:
    """Accuracy of the deepest exit that samples of a tier may reach under all limits; 0 if there is none."""
    problem, depth = cost.problem, 0
    for shape in shapes(problem):
        for zone, first, last in shape:
            if last > depth and problem.reaches(tier, Stage(zone, first, last, ())):
                depth = last
    return float(problem.calibration.right[depth - 1].mean()) if depth else 0.0


def _key(problem: Problem, estimate: Estimate, stages: tuple[Stage, ...]) -> Key:
    told = tuple((float(s.zone), float(s.first), float(s.last), *s.thresholds) for s in stages)
    return OBJECTIVES[problem.goal.objective](estimate), estimate.mean_s, estimate.up_bytes, -estimate.accuracy, told
