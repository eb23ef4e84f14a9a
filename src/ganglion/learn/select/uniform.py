"""Uniform selection: everybody is as likely as everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

from ...core.fleet import NodeId


@dataclass(frozen=True)
class Uniform:
    """`count` of the candidates without replacement, or all of them if there are fewer.

    Source: McMahan et al. 2017, arXiv:1602.05629, algorithm 1.
    """

    count: int = 10

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{self} would ask nobody; count must be 1 or more")

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        """Those that are asked; the same for any order of the candidates."""
        known = candidates if getattr(candidates, "ordered", False) else sorted(set(candidates))
        chosen = rng.choice(len(known), min(self.count, len(known)), replace=False)
        return tuple(known[place] for place in sorted(chosen))
