"""One confidence threshold for all exits of a classifier, for a stated risk; infer/risk is the general form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.plan import NEVER
from ..core.probability import Floats
from .calibrate import Labels
from .risk import Empirical, FixedSequence, choose, classified


@dataclass(frozen=True)
class Chosen:
    """One confidence threshold for all early exits, and what it did on the held-out samples."""

    threshold: float  # NEVER where no threshold keeps the risk
    lost: float  # share of samples that an early exit gets wrong and the last one right
    bound: float  # the share that was held against the risk: `lost`, or its upper bound if certified
    shares: tuple[float, ...]  # of samples answered at each exit


def choose_threshold(probabilities: Sequence[Floats], y: Labels, risk: float, certified: float | None = None) -> Chosen:
    """The lowest threshold whose early answers lose at most `risk` of all samples, on `probabilities` per exit.

    With `certified` = 0.9 the one chosen breaks the risk on fresh samples of the same kind with probability at most
    10 %. Without it the loss on new samples may well be higher than `risk`.
    """
    made = choose(classified(probabilities, y), risk, Empirical() if certified is None else FixedSequence(certified))
    threshold = min(made.at, default=math.inf)
    return Chosen(NEVER if math.isinf(threshold) else threshold, made.lost, made.bound, made.shares)
