"""The work that keeping asks for, and what is learnt from later."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Keep:
    """Work: make a sample of the site last here."""

    sample: str
    x: Ref
    at_s: float


@dataclass(frozen=True)
class KeptSample:
    """A row of what is kept."""

    sample: str
    x: Ref
    at_s: float


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
