"""When a ring of a roll-out has passed, and when it ends the roll-out: counts, bounds and times, no node by name."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.binomial import upper_bound


@dataclass(frozen=True)
class Rule:
    """One ring's. A node that was not reached counts neither as a success nor as a failure."""

    name: str = ""
    shadow: bool = True  # its nodes try the release in the shadow first, from the start of the roll-out
    least: int = 0  # successes that it needs; 0 = as many as can be reached before the deadline
    success: float = 0.0  # share that must have passed, of those that reported: its lower bound reaches this
    error: float = 0.0  # share that may have failed, of those that reported: its lower bound stays at or below this
    level: float = 0.95  # confidence of both bounds, each one-sided
    soak_s: float = 0.0  # after it has passed, before the next ring begins
    patience_s: float = 120.0  # after which those who have not reported are late: they catch up after the commit

    def enough(self, passed: int, failed: int) -> bool:
        """Whether so many successes let the next ring begin."""
        return passed >= self.least and surely(passed, passed + failed, self.level) >= self.success

    def refusal(self, passed: int, failed: int, nodes: int) -> str:
        """Why the roll-out cannot go on, whatever the others of the ring still report; "" where it can."""
        if surely(failed, passed + failed, self.level) > self.error:
            return f"{failed} of {passed + failed} that reported failed, {self.error:g} of them may"
        if nodes - failed < self.least:
            return f"{nodes - failed} of {nodes} are left, {self.least} must pass"
        return ""


def surely(hits: int, trials: int, level: float) -> float:
    """A share that the true proportion reaches with probability `level` at least; 0 without a trial.

    One-sided. Source: Clopper & Pearson 1934 (Biometrika 26).

    >>> round(surely(1, 1, 0.95), 2), round(surely(9, 10, 0.95), 2), surely(0, 0, 0.95)
    (0.05, 0.61, 0.0)
    """
    return 1.0 - upper_bound(trials - hits, trials, level) if trials else 0.0
