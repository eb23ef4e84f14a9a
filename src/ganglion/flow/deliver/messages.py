"""What is handed on, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Hand:
    """Nearer to farther: a sample to keep; it travels attached."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class Store:
    """Work: make a held sample last, under its label."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class Stored:
    """Result: where it lasts."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class Accepted:
    """A fact: this sample will be delivered, whatever happens to this node's power or link."""

    sample: str


@dataclass(frozen=True)
class Delivered:
    """A fact: this sample was taken over here."""

    sample: str
    sender: str
