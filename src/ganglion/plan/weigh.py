"""What every plan of a problem would cost and lose; plans that nobody could follow say why."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from ..core.label import Tier, Zone
from ..core.plan import Estimate, Stage
from .cost import Cost, Mix
from .problem import Problem
from .shape import Shape, settings, shapes

ROUNDING = 1e-12
NO_ANSWER = 2.0  # more accuracy than can be lost


@dataclass(frozen=True)
class Weighed:
    """One plan: the accuracy it loses at most over the tiers, and its estimate, or else what is against it."""

    shape: Shape
    stages: tuple[Stage, ...]
    lost: float
    fault: str
    estimate: Estimate | None


def weighed(problem: Problem, rng: Generator) -> list[Weighed]:
    """Every shape under every setting; those that lose more than the goal allows are not priced."""
    cost = Cost.of(problem, rng)
    mix = tuple((tier, share) for tier, share in problem.mix if share > 0)
    reference = {tier: _deepest(cost, tier) for tier, _ in mix}
    return [
        Weighed(shape, stages, *_weigh(cost, stages, mix, reference))
        for shape in shapes(problem)
        for stages in settings(shape, problem.grid)
    ]


def _weigh(
    cost: Cost, stages: tuple[Stage, ...], mix: Mix, reference: dict[Tier, float]
) -> tuple[float, str, Estimate | None]:
    """How much accuracy a plan loses, what else is against it, and its estimate where nothing is."""
    goal, paths = cost.problem.goal, cost.paths(stages, mix)
    if paths is None:
        return NO_ANSWER, "leave a tier without an answer", None
    lost = max((reference[path.tier] - path.accuracy for path in paths), default=0.0) - ROUNDING
    if lost > goal.risk:
        return lost, "", None
    far = len(stages) - 1 if stages[-1].zone is Zone.CLOUD else None
    if far is not None and any(p.tier is Tier.PUBLIC and p.shares[far] > goal.far_share for p in paths):
        return lost, f"send more than {goal.far_share:.1%} of the public samples to the cloud", None
    estimate = cost.estimate(stages, paths, mix)
    if estimate.p95_s > goal.deadline_s:
        return lost, f"are later than {goal.deadline_s:g} s in more than 5 % of cases", None
    return lost, "", estimate


def _deepest(cost: Cost, tier: Tier) -> float:
    """Accuracy of the deepest exit that samples of a tier may reach under all limits; 0 if there is none."""
    problem, depth = cost.problem, 0
    for shape in shapes(problem):
        for zone, first, last in shape:
            if last > depth and problem.reaches(tier, Stage(zone, first, last, ())):
                depth = last
    return float(problem.calibration.right[depth - 1].mean()) if depth else 0.0
