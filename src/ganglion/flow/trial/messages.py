"""The work that a trial asks for, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref
from ...core.update import Statistic


@dataclass(frozen=True)
class Compare:
    """Work: what both releases would answer to a sample, all stages of their plans together."""

    sample: str
    x: Ref
    champion: int
    candidate: int


@dataclass(frozen=True)
class Compared:
    """Result: both answers, and whether the sample counts: the on-site source will say who is right."""

    sample: str
    champion: int
    candidate: int
    counts: bool


@dataclass(frozen=True)
class Pair:
    """A disagreement that waits for its label."""

    sample: str
    champion: int
    candidate: int
    at_s: float


@dataclass(frozen=True)
class Judge:
    """Work: labels for the disagreements as far as the on-site source has them, and the sequential tests' word."""

    samples: int  # that count
    disagreed: int  # of them
    pairs: tuple[Pair, ...]
    better: int  # labelled disagreements that the candidate had right
    worse: int  # … that the champion had right
    inputs: int
    now_s: float


@dataclass(frozen=True)
class Judged:
    """Result: what is still open, and "better", "worse", "passed" or "" for go on."""

    pairs: tuple[Pair, ...]
    looked: int  # how many pairs it was asked about
    better: int
    worse: int
    word: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """A fact: a trial ended."""

    counter: int
    passed: bool
    why: str
    evidence: tuple[Statistic, ...]
