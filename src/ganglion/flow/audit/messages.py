"""The work of keeping an audit log."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.facts import Audited


@dataclass(frozen=True)
class Log:
    """Work: one more entry."""

    act: Audited
    at_s: float


@dataclass(frozen=True)
class Logged:
    """A row of the log: an act in its place in the chain."""

    number: int
    before: str
    record: bytes
    digest: str
