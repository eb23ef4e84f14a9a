"""Where a model should run: the planner weighs every cut over device, edge and cloud against links, memory and tiers.

Needs numpy alone: the model's costs, its profile and what its exits say are given here; usually they are measured.
"""

from __future__ import annotations

import numpy as np

from ganglion.core.fleet import Link
from ganglion.core.label import Tier
from ganglion.core.model import Kernel, Model
from ganglion.core.plan import Goal, Plan
from ganglion.core.profile import Profile, StageTime
from ganglion.core.rng import stream
from ganglion.plan import Calibration, Host, Problem, place

CLASSES, SAMPLES = 10, 400
MODEL = Model(
    kernels=(
        Kernel("near", "conv2d", ("input",), 16_384, 9_216, 2_000_000),
        Kernel("exit_1", "linear", ("near",), 40, 4_000, 10_000),
        Kernel("far", "conv2d", ("near",), 4_096, 300_000, 80_000_000),
        Kernel("exit_2", "linear", ("far",), 40, 40_000, 80_000),
    ),
    input_shape=(3, 64, 64),
    classes=CLASSES,
    exits=("exit_1", "exit_2"),
    boundaries=("input", "near"),
    weights="0123",
)
WIFI = Link("wifi", up_bytes_s=2.5e6, down_bytes_s=5e6, delay_s=0.003)
GOAL = Goal(deadline_s=0.5, risk=0.03, far_share=1.0)


def exits(key: str, right: float) -> np.ndarray:
    """Probabilities [SAMPLES, CLASSES] of an exit that has a share of samples right; the true class is always 0."""
    chance = stream(7, key)
    p = np.full((SAMPLES, CLASSES), 0.01)
    said = np.where(chance.random(SAMPLES) < right, 0, 1)
    p[np.arange(SAMPLES), said] = np.where(
        said == 0, chance.uniform(0.7, 0.91, SAMPLES), chance.uniform(0.4, 0.8, SAMPLES)
    )
    return p / p.sum(-1, keepdims=True)


def best(far_link: Link, device_memory_bytes: int | None, private: float) -> Plan:
    """The plan for a phone twenty times slower than the cloud, and an edge three times slower."""
    times = tuple(StageTime(a, b, s, 1.2 * s) for a, b, s in ((0, 1, 0.0004), (0, 2, 0.009), (1, 2, 0.0086)))
    profile = Profile(MODEL.weights, "any", "given", 1, "given", "given", times)
    problem = Problem(
        model=MODEL,
        hosts=(Host(profile, 20.0, device_memory_bytes), Host(profile, 3.0), Host(profile)),
        links=(WIFI, far_link),
        memory_bytes=((0, 1, 30_000), (0, 2, 370_000), (1, 2, 344_000)),
        sent_bytes=(3 * 64 * 64, 16_384),
        calibration=Calibration.of([exits("near", 0.85), exits("far", 0.97)], np.zeros(SAMPLES)),
        mix=((Tier.PUBLIC, 1.0 - private), (Tier.EDGE, private)),
        goal=GOAL,
    )
    return place(problem, stream(7, "place")).plan


def main() -> None:
    """Each case changes one thing, and the plan follows."""
    fibre, lte = Link("fibre", 1e8, 1e8, 0.002), Link("lte", 1.25e6, 5e6, 0.04)
    for name, plan in (
        ("fibre to the cloud", best(fibre, None, 0.0)),
        ("a mobile uplink", best(lte, None, 0.0)),
        ("fibre, but half of the samples may not leave the site", best(fibre, None, 0.5)),
        ("a mobile uplink, and 20 kB for a model on the device", best(lte, 20_000, 0.0)),
    ):
        assert plan.estimate is not None
        print(f"{name}: {1e3 * plan.estimate.mean_s:.1f} ms on average")
        for stage in plan.stages:
            print(f"    {stage.zone.name.lower()}: segments {stage.first + 1} to {stage.last}, sure {stage.thresholds}")


if __name__ == "__main__":
    main()
