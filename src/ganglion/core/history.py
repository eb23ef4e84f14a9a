"""What a server remembers of a client from earlier rounds: how long it took, how much it had, how well the base did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One client's part in a job so far; the latest answer counts."""

    number: int  # of the last round that counted its update
    seconds: float  # from being asked to its update's being here
    weight: float  # usually its examples
    loss: float | None = None  # of the base on its own examples, where the method measures it
    times: int = 1  # rounds that counted it
