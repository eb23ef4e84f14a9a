"""Sequential tests: their error rates hold however often one looks, and the gate tells good releases from bad."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganglion.core.rng import stream
from ganglion.watch import Decision, Judge, NotWorse, Outcome, ReleaseGate, Sprt, Verdict

RUNS = 200


def decide(test: Sprt, rate: float, run: int, samples: int = 4000) -> tuple[Decision, int]:
    hits = np.cumsum(stream(run, "rate", str(rate)).uniform(size=samples) < rate)
    for n in range(1, samples + 1):
        said = test(int(hits[n - 1]), n)
        if said is not Decision.OPEN:
            return said, n
    return Decision.OPEN, samples


@pytest.mark.parametrize(("rate", "meant"), [(0.05, Decision.LOW), (0.12, Decision.HIGH), (0.02, Decision.LOW)])
def test_the_ratio_test_keeps_its_error(rate: float, meant: Decision) -> None:
    found = [decide(Sprt(), rate, run) for run in range(RUNS)]
    wrong = sum(said is not meant for said, _ in found)
    assert wrong <= 6  # 1 % of 200 is 2, and more than 6 would have a probability of about 0.4 %
    assert np.median([n for _, n in found]) < 400


def test_the_ratio_test_decides_where_wald_does() -> None:
    for n in range(1, 200):
        ratio = math.log(0.95 / 0.88) * n
        assert (Sprt()(0, n) is Decision.LOW) == (ratio >= math.log(99))
    with pytest.raises(ValueError, match="0 < low < high"):
        Sprt(low=0.2, high=0.1)


def judge(chance: float, run: int, labels: int = 500) -> tuple[Verdict, int]:
    wins = np.cumsum(stream(run, "chance", str(chance)).uniform(size=labels) < chance)
    for n in range(1, labels + 1):
        verdict = Judge()(int(wins[n - 1]), n - int(wins[n - 1]))
        if verdict is not Verdict.UNDECIDED:
            return verdict, n
    return Verdict.UNDECIDED, labels


def test_a_fair_coin_rarely_ever_gets_a_verdict() -> None:
    said = sum(judge(0.5, run)[0] is not Verdict.UNDECIDED for run in range(RUNS))
    assert said <= 6


@pytest.mark.parametrize(("chance", "meant"), [(0.1, Verdict.WORSE), (0.9, Verdict.BETTER), (0.25, Verdict.WORSE)])
def test_a_clear_difference_gets_the_right_verdict_from_few_labels(chance: float, meant: Verdict) -> None:
    found = [judge(chance, run) for run in range(RUNS)]
    assert sum(said is not meant for said, _ in found) <= 6
    assert np.median([n for _, n in found]) <= 50


def test_evidence_is_the_mean_likelihood_over_all_chances() -> None:
    chances = (np.arange(100_000) + 0.5) / 100_000
    for better, worse in [(0, 5), (3, 9), (20, 18)]:
        ratio = (chances**better * (1 - chances) ** worse).mean() * 2.0 ** (better + worse)
        assert Judge().log_evidence(better, worse) == pytest.approx(math.log(ratio), abs=1e-6)


def trial(champion: float, candidate: float, both: float, run: int, late: int = 0) -> tuple[Outcome, int]:
    """600 samples past a gate; each label comes `late` samples after its own.

    `both` is the chance that the candidate is right where the champion is not.
    """
    rng = stream(run, "trial", str((champion, candidate, both)))
    right = rng.uniform(size=600) < champion
    keep = (candidate - both * (1 - champion)) / champion  # chance that it is right where the champion is
    also = rng.uniform(size=600) < np.where(right, keep, both)
    differ = (right != also) | (~right & ~also & (rng.uniform(size=600) < 0.5))  # two wrong answers may differ too
    better, worse, differs = ([0, *np.cumsum(a).tolist()] for a in (also & ~right, right & ~also, differ))
    for n in range(1, 601):
        known = max(0, n - late)
        said = ReleaseGate()(n, differs[n], better[known], worse[known], differs[n] - differs[known])
        if said is not Outcome.OPEN:
            return said, n
    return Outcome.OPEN, 600


@pytest.mark.parametrize("late", [0, 40])
@pytest.mark.parametrize("both", [0.1, 0.3, 0.7])
def test_good_releases_pass_at_a_clean_site(both: float, late: int) -> None:
    found = [trial(0.975, 0.975, both, run, late) for run in range(100)]
    assert sum(said in (Outcome.PASSED, Outcome.BETTER) for said, _ in found) >= 0.95 * 100
    assert np.median([n for _, n in found]) <= 200


@pytest.mark.parametrize("late", [0, 40])
@pytest.mark.parametrize("drop", [0.05, 0.08, 0.15, 0.4])
def test_releases_that_are_5_to_40_points_worse_do_not_pass(drop: float, late: int) -> None:
    found = [trial(0.975, 0.975 - drop, 0.3, run, late) for run in range(100)]
    passed = sum(said in (Outcome.PASSED, Outcome.BETTER) for said, _ in found)
    assert passed <= (7 if drop == 0.05 else 1)
    assert sum(said is Outcome.WORSE for said, _ in found) >= 0.9 * 100


def test_a_good_release_for_a_drifted_site_is_better_however_much_it_differs() -> None:
    found = [trial(0.13, 0.95, 0.95, run) for run in range(100)]
    assert all(said is Outcome.BETTER for said, _ in found)
    assert np.median([n for _, n in found]) <= 20


def test_not_worse_is_the_likelihood_ratio_that_its_definition_names() -> None:
    def log_likelihood(up: float, down: float, samples: int, better: int, worse: int) -> float:
        same = samples - better - worse
        parts = [(better, up), (worse, down), (same, 1.0 - up - down)]
        return sum(count * math.log(p) for count, p in parts if count)

    rates = np.concatenate([np.geomspace(1e-12, 1e-4, 50), np.linspace(1e-4, 0.4749, 4000)])
    for samples, better, worse in [(100, 0, 0), (200, 3, 4), (300, 10, 9), (150, 5, 12), (400, 0, 2)]:
        equal = max(log_likelihood(q, q, samples, better, worse) for q in rates)
        lost = max(log_likelihood(q, q + 0.05, samples, better, worse) for q in rates)
        ratio = math.exp(lost - equal)
        assert NotWorse(error=ratio * 1.01)(samples, better, worse)
        assert not NotWorse(error=ratio * 0.99)(samples, better, worse)


def test_what_has_no_label_counts_against_the_candidate() -> None:
    gate = ReleaseGate()
    assert gate(0, 0, 0, 0) is Outcome.OPEN
    assert gate(600, 120, 0, 0, waiting=120) is Outcome.OPEN
    assert gate(600, 6, 0, 0, waiting=6) is Outcome.PASSED
    assert gate(600, 120, 0, 120) is Outcome.WORSE
    assert gate.triggered(100, 20) and not gate.triggered(600, 12)
    with pytest.raises(ValueError, match="do not fit together: 10 samples, 3 disagreed"):
        gate(10, 3, 2, 2)
