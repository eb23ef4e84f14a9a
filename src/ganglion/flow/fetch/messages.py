"""What the two sides of a transfer say. On the live bulk lane these are HTTP range requests."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Pull:
    """Give me these bytes of a blob."""

    ref: Ref
    start: int
    size: int


@dataclass(frozen=True)
class Piece:
    """Bytes of a blob that were pulled; `data` is held and travels attached."""

    ref: Ref
    start: int
    data: Ref

    @property
    def key(self) -> str:
        """The transfer it is for."""
        return self.ref.digest


@dataclass(frozen=True)
class Push:
    """Take these bytes of a blob; no `data` asks where to resume."""

    ref: Ref
    start: int
    data: Ref | None = None


@dataclass(frozen=True)
class Got:
    """How many bytes of a blob are there now, from its start; the answer to a Push, or to a Pull of what is not here.

    -1: refused or unknown.
    """

    ref: Ref
    held: int

    @property
    def key(self) -> str:
        """The transfer it is for."""
        return self.ref.digest


@dataclass(frozen=True)
class Slice:
    """Work: bytes of a blob, to be held."""

    ref: Ref
    start: int
    size: int
    asked: bool = False  # the reference is a neighbour's word, so its label counts only as far as it is the kept one


@dataclass(frozen=True)
class Sliced:
    """Result: where they are held."""

    data: Ref


@dataclass(frozen=True)
class Patch:
    """Work: add held bytes to a blob; without `data` only say how much is there."""

    ref: Ref
    start: int
    data: Ref | None


@dataclass(frozen=True)
class Patched:
    """Result: bytes there now, from the start."""

    held: int
