"""The work of keeping an audit log."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.facts import Audited


@dataclass(frozen=True)
class Log:
    """Work: one more entry."""

    act: Audited
    at_s: float
