"""Error feedback: what was not sent is remembered, and added to the next update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ...core.tensors import Tensors

RESIDUAL = "residual"  # as clients keep it


@dataclass(frozen=True)
class Feedback:
    """p = delta + e; sent is C(p); e = p - sent. Source: Karimireddy et al. 2019, arXiv:1901.09847, algorithm 1."""

    keeps: ClassVar[tuple[str, ...]] = (RESIDUAL,)

    def before(self, delta: Tensors, kept: Mapping[str, Tensors]) -> tuple[Tensors, Mapping[str, Tensors]]:
        """What is to be sent, as far as it may be."""
        return (delta + kept[RESIDUAL] if RESIDUAL in kept else delta), {}

    def after(self, wanted: Tensors, sent: Tensors, meant: Mapping[str, Tensors]) -> Mapping[str, Tensors]:
        """What stays."""
        return {RESIDUAL: wanted - sent}
