"""Placing: the best plan equals the one that a slow search by hand finds, and no plan breaks a goal or a tier."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError
from ganglion.core.fleet import Link
from ganglion.core.label import Tier, Zone
from ganglion.core.model import Kernel, Model
from ganglion.core.plan import Goal, Plan, Stage
from ganglion.core.profile import Profile, StageTime
from ganglion.core.rng import stream
from ganglion.plan import Calibration, Cost, Host, Problem, baselines, careful, place
from ganglion.plan.place import RISK_STEP
from ganglion.plan.shape import settings as every_setting
from ganglion.plan.shape import shapes

WIFI = Link("wifi", 2e6, 2e6, 0.002, 0.0008)
LTE = Link("lte", 1e6, 4e6, 0.040, 0.004)
MIX = ((Tier.PUBLIC, 0.6), (Tier.EDGE, 0.3), (Tier.USER, 0.1))


def problem(seed: int, exits: int = 3, samples: int = 40, **changes: object) -> Problem:
    """A model whose farther exits are slower, larger and better, on three machines."""
    rng = stream(seed, "problem")
    runs = [(a, b) for a in range(exits) for b in range(a + 1, exits + 1)]
    names = tuple(f"exit{e}" for e in range(exits))
    kernels = tuple(Kernel(name, "Gemm", ("input",), 40, 400, 400) for name in names)
    model = Model(kernels, (1, 8, 8), 10, names, ("input", *names[:-1]), "digest")
    spent = rng.uniform(1e-4, 2e-3, exits)
    times = tuple(StageTime(a, b, float(spent[a:b].sum()), 0.01) for a, b in runs)
    profile = Profile("digest", "any", "test", 1, "cpu", "made up", times)
    ability = (np.linspace(0.6, 0.97, exits) + rng.uniform(-0.03, 0.03, exits))[:, None]
    luck = rng.uniform(size=(exits, samples))
    right = (0.7 * luck[-1] + 0.3 * luck < ability).astype(np.float64)
    sure = np.clip(rng.normal(0.75, 0.15, (exits, samples)) + 0.15 * right, 0.1, 1.0)
    whole = Problem(
        model,
        (Host(profile, float(rng.uniform(5, 100)), 20_000), Host(profile, 3.0), Host(profile)),
        (WIFI, LTE),
        tuple((a, b, (b - a) * int(rng.integers(8_000, 19_000))) for a, b in runs),
        (64, *(int(size) for size in rng.integers(100, 2000, exits - 1))),
        Calibration(sure, right),
        MIX,
        Goal(risk=0.1, far_share=0.3),
        grid=(0.6, 0.8, 0.9, 2.0),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def walk(stages: tuple[Stage, ...], case: Problem, tier: Tier, n: int) -> tuple[int, int] | None:
    """Sends one sample through a plan as a node would: the stage and the exit that answer, or None."""
    answer = None
    for at, stage in enumerate(stages):
        far = {Tier.PUBLIC: Zone.CLOUD, Tier.EDGE: Zone.EDGE, Tier.USER: Zone.DEVICE}[tier]
        if stage.zone > far:
            break
        for e, threshold in zip(range(stage.first, stage.last), stage.thresholds, strict=True):
            answer = (at, e)
            if case.calibration.sure[e][n] >= threshold:
                return answer
    return answer


def by_hand(case: Problem) -> tuple[float, int]:
    """Least mean latency over all plans, each sample followed alone, and how many plans there are."""
    exits, samples = len(case.model.exits), case.calibration.right.shape[1]
    spans = [None, *((a, b) for a in range(exits) for b in range(a + 1, exits + 1))]
    least, counted = float("inf"), 0
    for laid in product(spans, repeat=3):
        chain = [(zone, *span) for zone, span in zip(Zone, laid, strict=True) if span]
        pairs = list(zip([(None, 0, 0), *chain], chain, strict=False))
        joins = all(
            b[1] == a[2] or (b[1] == 0 and all(c[1] == 0 for c in chain[: i + 1])) for i, (a, b) in enumerate(pairs)
        )
        fits = all(held(case, *span) for span in chain)
        if not chain or not joins or not fits or any(a[2] >= b[2] for a, b in pairs):
            continue
        per_stage = []
        for i, (_zone, first, last) in enumerate(chain):
            new = last - max(first, chain[i - 1][2] if i else 0)
            masks = (
                {(0.0,)} if i == len(chain) - 1 else {(t,) * k for t in case.grid for k in (1, new) if t < 2 or k == 1}
            )
            per_stage.append([(2.0,) * (last - first - len(mask)) + mask for mask in masks])
        for chosen in product(*per_stage):
            stages = tuple(Stage(*span, mask) for span, mask in zip(chain, chosen, strict=True))
            counted += 1
            ends = {tier: [walk(stages, case, tier, n) for n in range(samples)] for tier, _ in case.mix}
            if any(end is None for found in ends.values() for end in found):
                continue
            least = min(least, mean_of(case, stages, ends))
    return least, counted


def mean_of(case: Problem, stages: tuple[Stage, ...], ends: dict[Tier, list[tuple[int, int] | None]]) -> float:
    """Mean latency of a plan; infinite where it breaks the goal."""
    right, many = case.calibration.right, case.calibration.right.shape[1]
    total = 0.0
    for tier, share in case.mix:
        found = [end for end in ends[tier] if end is not None]
        mine = np.mean([right[e, n] for n, (_, e) in enumerate(found)])
        if right[deepest(case, tier) - 1].mean() - mine > case.goal.risk + 1e-9:
            return float("inf")
        far = sum(stages[at].zone is Zone.CLOUD for at, _ in found) / many
        if tier is Tier.PUBLIC and far > case.goal.far_share:
            return float("inf")
        total += share * sum(seconds(case, stages[: at + 1]) for at, _ in found) / many
    return total


def deepest(case: Problem, tier: Tier) -> int:
    """The deepest segment that may run for a tier, by trying every stage in every zone that it may enter."""
    zones = range({Tier.PUBLIC: 3, Tier.EDGE: 2, Tier.USER: 1}[tier])
    runs = [(zone, a, b) for zone in zones for a, b, _ in case.memory_bytes if held(case, zone, a, b)]
    return max(b for zone, a, b in runs if a == 0 or joined(case, zone, a))


def held(case: Problem, zone: int, first: int, last: int) -> bool:
    """Whether a zone's memory holds a stage."""
    limit = case.hosts[zone].memory_bytes
    return limit is None or {(a, b): c for a, b, c in case.memory_bytes}[first, last] <= limit


def joined(case: Problem, zone: int, first: int) -> bool:
    """Whether something nearer can hand the tensor at `first` to a zone."""
    nearer = [(z, a) for z in range(zone) for a in range(first) if held(case, z, a, first)]
    return any(a == 0 or joined(case, z, a) for z, a in nearer)


def seconds(case: Problem, stages: tuple[Stage, ...]) -> float:
    """Mean seconds until the last of these stages has answered."""
    total, at = 0.0, 0
    for stage in stages:
        for link in case.links[at : stage.zone]:
            total += (case.sent_bytes[stage.first] + 120) / link.up_bytes_s + link.delay_s + link.jitter_s
        at = stage.zone
        host = case.hosts[stage.zone]
        total += host.profile.seconds(stage.first, stage.last) * host.slowdown
    return total + sum(184 / link.down_bytes_s + link.delay_s + link.jitter_s for link in case.links[:at])


@pytest.mark.parametrize("exits", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_the_best_plan_is_the_one_that_a_search_by_hand_finds(seed: int, exits: int) -> None:
    case = problem(seed, exits, samples=15)
    least, counted = by_hand(case)
    assert counted == sum(1 for shape in shapes(case) for _ in every_setting(shape, case.grid))
    if least == float("inf"):
        with pytest.raises(ConfigError, match="none of"):
            place(case, stream(1))
        return
    plan = place(case, stream(1)).plan
    estimate = plan.estimate
    assert estimate is not None
    assert estimate.mean_s == pytest.approx(least, rel=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), risk=st.sampled_from([0.02, 0.1, 0.4]), far=st.sampled_from([0.0, 0.05, 1.0]))
def test_every_offered_plan_keeps_the_goal_and_the_tiers(seed: int, risk: float, far: float) -> None:
    case = problem(seed, goal=Goal(risk=risk, far_share=far))
    try:
        choice = place(case, stream(seed))
    except ConfigError:
        return
    samples = range(case.calibration.right.shape[1])
    ends = [0.0]
    for plan in (choice.plan, *choice.alternatives):
        found = {tier: [walk(plan.stages, case, tier, n) for n in samples] for tier, _ in case.mix}
        assert np.isfinite(mean_of(case, plan.stages, found))
        assert plan.estimate is not None and plan.estimate.mean_s >= ends[-1] - 1e-12
        assert plan.estimate.shares[Zone.CLOUD] <= far * 0.6 + 1e-9  # only public samples, six in ten, go there
        assert sum(plan.estimate.shares) == pytest.approx(1.0)
        ends.append(plan.estimate.mean_s)


@pytest.mark.parametrize("seed", range(8))
def test_a_careful_choice_is_the_best_at_the_least_step_of_risk_that_leaves_a_plan(seed: int) -> None:
    case = problem(seed, samples=40, goal=Goal(risk=0.2, aim=-0.05))
    steps = [*np.arange(-0.05, 0.2, RISK_STEP).tolist(), 0.2]
    for risk in steps:
        try:
            wanted = place(dataclasses.replace(case, goal=dataclasses.replace(case.goal, risk=risk)), stream(1))
        except ConfigError:
            continue
        assert careful(case, stream(1)).plan == wanted.plan
        assert careful(case, stream(1)).alternatives == wanted.alternatives
        return
    with pytest.raises(ConfigError, match="none of"):
        careful(case, stream(1))


def test_the_same_problem_and_seed_give_the_same_choice() -> None:
    assert place(problem(3), stream(1)) == place(problem(3), stream(1))


def test_a_goal_that_nothing_meets_says_what_stood_against_it() -> None:
    case = problem(3, goal=Goal(risk=-1.0))
    with pytest.raises(ConfigError, match=r"none of \d+ plans .*lose more than"):
        place(case, stream(1))
    with pytest.raises(ConfigError, match="later than"):
        place(problem(3, goal=Goal(deadline_s=1e-9, risk=1.0, far_share=1.0)), stream(1))
    with pytest.raises(ConfigError, match=r"objective 'speed' .* latency"):
        place(problem(3, goal=Goal(objective="speed")), stream(1))


def test_a_device_that_holds_nothing_leaves_its_private_samples_without_an_answer() -> None:
    case = problem(3)
    device = dataclasses.replace(case.hosts[0], memory_bytes=1)
    with pytest.raises(ConfigError, match="leave a tier without an answer"):
        place(dataclasses.replace(case, hosts=(device, *case.hosts[1:])), stream(1))


def test_p95_is_that_of_the_mixture_and_not_of_a_mean() -> None:
    case = problem(3, mix=((Tier.PUBLIC, 1.0),))
    sure = np.vstack([np.where(np.arange(100) < 90, 1.0, 0.0)] * 3)
    case = dataclasses.replace(case, calibration=Calibration(sure, np.ones((3, 100))))
    near, far = Stage(Zone.DEVICE, 0, 1, (0.9,)), Stage(Zone.CLOUD, 0, 3, (2.0, 2.0, 0.0))
    cost, mix = Cost.of(case, stream(1)), case.mix
    paths = cost.paths((near, far), mix)
    assert paths is not None
    estimate = cost.estimate((near, far), paths, mix)
    assert estimate.shares == pytest.approx((0.9, 0.0, 0.1))
    fast, slow = seconds(case, (near,)), seconds(case, (near, far))
    assert estimate.mean_s == pytest.approx(0.9 * fast + 0.1 * slow)
    assert estimate.p95_s == pytest.approx(slow, rel=0.1)  # the median of the far way: far above the mean
    assert estimate.p95_s > 3 * estimate.mean_s
    assert estimate.up_bytes == pytest.approx(0.1 * (64 + 120))


def test_a_traced_link_costs_its_mean_time_per_byte() -> None:
    uneven = dataclasses.replace(LTE, trace=((0.0, 1e3), (1.0, 1e6), (2.0, 5.0)))  # the last is only the period's end
    case = problem(3, links=(WIFI, uneven), mix=((Tier.PUBLIC, 1.0),))
    stages = (Stage(Zone.CLOUD, 0, 3, (2.0, 2.0, 0.0)),)
    flat = dataclasses.replace(case, links=(WIFI, dataclasses.replace(LTE, up_bytes_s=1 / ((1e-3 + 1e-6) / 2))))
    means = []
    for one in (case, flat):
        cost = Cost.of(one, stream(1))
        paths = cost.paths(stages, one.mix)
        assert paths is not None
        means.append(cost.estimate(stages, paths, one.mix).mean_s)
    assert means[0] == pytest.approx(means[1])


def test_baselines_are_priced_over_public_samples_and_show_what_the_memory_limit_costs() -> None:
    case = problem(0)
    device = dataclasses.replace(
        case.hosts[0], memory_bytes=min(c for a, b, c in case.memory_bytes if (a, b) == (0, 1))
    )
    case = dataclasses.replace(case, hosts=(device, *case.hosts[1:]))
    plans = {plan.name: plan for plan in baselines(case, stream(1))}
    assert list(plans) == ["cloud-only", "edge-only", "device-only", "device-only-unlimited"]
    deep, shallow = plans["device-only-unlimited"].estimate, plans["device-only"].estimate
    assert deep is not None and shallow is not None
    assert deep.accuracy == case.calibration.right[-1].mean()
    assert shallow.accuracy == case.calibration.right[plans["device-only"].stages[0].last - 1].mean() < deep.accuracy
    cloud = plans["cloud-only"].estimate
    assert cloud is not None and cloud.up_bytes == 64 + 120 and cloud.shares == (0.0, 0.0, 1.0)
    assert isinstance(plans["edge-only"], Plan) and plans["edge-only"].stages[0].zone is Zone.EDGE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sent_bytes": (64,)}, "one of each per exit"),
        ({"mix": ((Tier.PUBLIC, 0.5),)}, "add up to 1"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        problem(1, 3, 40, **changes)


def test_a_profile_of_another_model_is_refused() -> None:
    case = problem(1)
    other = dataclasses.replace(case.model, weights="another")
    with pytest.raises(ConfigError, match="measured for model digest, not for another"):
        dataclasses.replace(case, model=other)
