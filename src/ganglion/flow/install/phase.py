"""Where a node can stand with a release."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """Where a node stands with the release that it was offered last."""

    IDLE = 0
    FETCHING = 1
    VERIFYING = 2
    SHADOW = 3
    SWITCHING = 4
    PROBATION = 5
    RETURNING = 6
    OVER = 7
