"""The work of keeping an audit log, and what of it goes to the node above."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.facts import Audited
from ...core.fleet import NodeId


@dataclass(frozen=True)
class Entrusted:
    """What was audited at a node, oldest first, and how many acts more."""

    node: NodeId
    acts: tuple[Audited, ...]
    more: int


@dataclass(frozen=True)
class Log:
    """Work: one more entry."""

    act: Audited
    at_s: float
