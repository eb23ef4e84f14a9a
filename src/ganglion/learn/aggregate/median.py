"""Median of the updates, weight by weight: fewer than half of them may say whatever they like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...core.tensors import Tensors
from ...core.update import Update


@dataclass(frozen=True)
class Median:
    """Coordinate by coordinate; what an update counts for is ignored.

    Where clients differ much the median of few is biased. Source: Yin et al. 2018, arXiv:1803.01498, option I.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"each", "every"})
    hides: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, updates: Sequence[Update]) -> Tensors:
        """The median of all. Raises ValueError for none, or for different layouts."""
        if not updates:
            raise ValueError("a median of no updates is undefined; wait for one or end the round")
        first = updates[0].delta
        if any(update.delta.layout != first.layout for update in updates):
            raise ValueError("updates of different layouts have no median; were they learnt from the same model?")
        return first.with_flat(np.median(np.stack([update.delta.flat for update in updates]), axis=0))
