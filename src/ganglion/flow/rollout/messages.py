"""What the cloud and the nodes say about a release."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref
from ...core.update import Statistic


@dataclass(frozen=True)
class Offer:
    """Above to below: there is a release. `live`: answer with it, on probation; else only try it in the shadow."""

    counter: int
    manifest: Ref  # the bytes of a Signed
    live: bool
    trial: bool = True  # False: it was in force here before, and its owner wants it back whatever a trial would say


@dataclass(frozen=True)
class Promote:
    """Above to below: what you try in the shadow may answer now."""

    counter: int


@dataclass(frozen=True)
class Commit:
    """Above to below: this release stays; nothing older may come any more."""

    counter: int


@dataclass(frozen=True)
class Back:
    """Above to below: go back to what you had before this release."""

    counter: int
    why: str


@dataclass(frozen=True)
class Report:
    """Below to above: how a release does here."""

    counter: int
    state: str  # "shadow", "live", "passed", "failed", "committed", "back"
    why: str = ""
    evidence: tuple[Statistic, ...] = ()

    @property
    def key(self) -> str:
        """Which roll-out."""
        return str(self.counter)


@dataclass(frozen=True)
class Steer:
    """A fact from a person: what becomes of a roll-out that has begun."""

    counter: int
    act: str  # "pause", "resume", "abort"
    by: str

    @property
    def key(self) -> str:
        """Which roll-out."""
        return str(self.counter)


@dataclass(frozen=True)
class Reissue:
    """Work: sign a release that there was once more, under a new number."""

    number: int
    of: int
    why: str


@dataclass(frozen=True)
class Reissued:
    """Result: its new manifest."""

    counter: int
    manifest: Ref


@dataclass(frozen=True)
class RolledOut:
    """A fact: a roll-out ended."""

    counter: int
    kept: bool
    why: str


@dataclass(frozen=True)
class Ringed:
    """A fact: a roll-out has moved on."""

    counter: int
    step: str  # "shadow", "canary", "ring", "soak", "paused", "resumed", "back"
    nodes: tuple[str, ...]
