"""The work that keeping asks for, and what is learnt from later."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Keep:
    """Work: make samples of the site last here, together: one write for all of them."""

    samples: tuple[tuple[str, Ref, float], ...]  # each with its held tensor and the time it was seen


@dataclass(frozen=True)
class KeptBatch:
    """A row of what is kept."""

    samples: tuple[tuple[str, float], ...]  # in the order of the blob's rows
    x: Ref  # under the highest of their tiers


@dataclass(frozen=True)
class Gather:
    """Work: make examples of kept samples that the on-site source has labelled by now."""

    since_s: float  # kept no earlier
    now_s: float
    wanted: int  # no examples before there are so many


@dataclass(frozen=True)
class Gathered:
    """Result: how many are labelled, and the examples once there are enough."""

    labelled: int
    data: Ref | None
