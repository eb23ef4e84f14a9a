"""What starts and ends a sensor's stream, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Stream:
    """A fact from the operator: from now on, so many samples of a source at a rate. Replaces a running stream.

    An empty source only ends the running one.
    """

    source: str
    count: int  # 0: until the next Stream
    rate_hz: float
    plan: str = ""
    deadline_s: float = 1.0
    first: int = 0  # number of the first sample


@dataclass(frozen=True)
class Read:
    """Work: the sensor's reading number so and so."""

    source: str
    number: int


@dataclass(frozen=True)
class Reading:
    """Result: a held sample, under the tier it was born with."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class StreamOver:
    """A fact: all samples of a stream have come in (not yet all been answered)."""

    source: str
    sent: int
