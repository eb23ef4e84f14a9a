"""What is handed on, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Hand:
    """Nearer to farther: samples to keep; they travel attached."""

    samples: tuple[str, ...]
    x: Ref  # their tensors in one blob, in this order

    @property
    def spare(self) -> int:
        """How many samples a full outbox gives up with it."""
        return len(self.samples)


@dataclass(frozen=True)
class Store:
    """Work: make held samples of one tier last, together."""

    samples: tuple[tuple[str, Ref], ...]


@dataclass(frozen=True)
class Stored:
    """Result: which of them last, and where; None where all had left memory already."""

    samples: tuple[str, ...]
    x: Ref | None


@dataclass(frozen=True)
class Take:
    """Work: keep samples that have come as far as they may; their blob is here already."""

    samples: tuple[str, ...]
    x: Ref
    at_s: float


@dataclass(frozen=True)
class Accepted:
    """A fact: this sample will be delivered, whatever happens to this node's power or link."""

    sample: str


@dataclass(frozen=True)
class Delivered:
    """A fact: this sample was taken over here."""

    sample: str
    sender: str
