"""Chooses how sure an exit must be, on held-out samples, so that early answers cost no more than a stated risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.binomial import upper_bound
from ..core.probability import Bools, Floats, confidence
from .calibrate import Labels

NEVER = 2.0  # no probability reaches it
GRID = tuple(step / 400 for step in range(400, -1, -1))  # fixed beforehand, or the certificate would not hold


@dataclass(frozen=True)
class Chosen:
    """One confidence threshold for all early exits, and what it did on the held-out samples."""

    threshold: float  # NEVER where no threshold keeps the risk
    lost: float  # share of samples that an early exit gets wrong and the last one right
    bound: float  # the share that was held against the risk: `lost`, or its upper bound if certified
    shares: tuple[float, ...]  # of samples answered at each exit


def choose_threshold(probabilities: Sequence[Floats], y: Labels, risk: float, certified: float | None = None) -> Chosen:
    """The lowest threshold whose early answers lose at most `risk` of all samples, on `probabilities` per exit.

    Thresholds are tried from the highest down, and the first that fails ends it. With `certified` = 0.9 each must keep
    the risk by its 90 % upper bound; because the order is fixed beforehand, the one chosen then breaks the risk on
    fresh samples of the same kind with probability at most 10 %, however many were tried. Without it the loss on new
    samples may well be higher than `risk`.

    Source: Angelopoulos et al. 2021, arXiv:2110.01052 (fixed-sequence testing); Clopper & Pearson 1934 (bound).
    """
    sure = np.stack([confidence(p) for p in probabilities])  # [exits, n]
    right = np.stack([p.argmax(-1) == y for p in probabilities])
    best = _outcome(NEVER, sure, right)
    for threshold in GRID:
        chosen = _outcome(threshold, sure, right)
        # the bound takes longer than all the rest, and most steps down lose nothing more
        bound = best.bound if best.threshold < NEVER and chosen.lost == best.lost else _bound(chosen, len(y), certified)
        if bound > risk:
            break
        best = replace(chosen, bound=bound)
    return best


def _outcome(threshold: float, sure: Floats, right: Bools) -> Chosen:
    leaves = sure >= threshold
    leaves[-1] = True
    at = leaves.argmax(0)  # [n], the exit that answers
    many = right.shape[1]
    lost = float((right[-1] & ~right[at, np.arange(many)]).mean())
    shares = np.bincount(at, minlength=len(sure)) / many
    return Chosen(threshold, lost, lost, tuple(float(s) for s in shares))


def _bound(chosen: Chosen, many: int, certified: float | None) -> float:
    return chosen.lost if certified is None else upper_bound(round(chosen.lost * many), many, certified)
