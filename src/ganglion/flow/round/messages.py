"""What the two sides of a round say, and the work each asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.fleet import NodeId
from ...core.ref import Ref
from ...core.update import Counted


@dataclass(frozen=True)
class Ask:
    """Server to client: learn from these weights."""

    number: int
    base: Ref  # float32 weights

    @property
    def key(self) -> str:
        """Which round."""
        return str(self.number)


@dataclass(frozen=True)
class Learnt:
    """Client to server: what I learned; its delta has been pushed before."""

    number: int
    update: Counted

    @property
    def key(self) -> str:
        """Which round."""
        return str(self.number)


@dataclass(frozen=True)
class Declined:
    """Client to server: nothing will come from here, and why."""

    number: int
    why: str

    @property
    def key(self) -> str:
        """Which round."""
        return str(self.number)


@dataclass(frozen=True)
class Aggregate:
    """Work: add the updates to the base."""

    number: int
    base: Ref
    updates: tuple[tuple[NodeId, Counted], ...]


@dataclass(frozen=True)
class Weights:
    """Result: weights in a blob."""

    ref: Ref


@dataclass(frozen=True)
class RoundOver:
    """A fact: the round ended, with a model unless too few answered."""

    number: int
    model: Ref | None
    counted: tuple[NodeId, ...]
    why: str = ""
