"""How sure each exit must be, chosen on held-out samples so that answering early costs no more than a stated risk."""

from .bound import Conformal, Empirical, FixedSequence, hoeffding_bentkus
from .choose import Thresholds, choose
from .held import SCORES, Held, classified, regressed
from .path import common, greedy

__all__ = [
    "SCORES",
    "Conformal",
    "Empirical",
    "FixedSequence",
    "Held",
    "Thresholds",
    "choose",
    "classified",
    "common",
    "greedy",
    "hoeffding_bentkus",
    "regressed",
]
