"""The items of a bill: figures of one request, a host's part, a link's part."""

from __future__ import annotations

from dataclasses import dataclass

from .chain import Wire


@dataclass(frozen=True)
class Figures:
    """What one request is expected to take."""

    latency_s: float
    tail_s: float  # of a request that takes no early exit
    energy_j: float
    price: float
    accuracy: float
    period_s: float  # busy seconds of whatever is busiest


@dataclass(frozen=True)
class AtHost:
    """A host's part."""

    host: str
    segments: tuple[int, int]  # first and past-the-last
    compute_s: float  # expected over early exits
    whole_s: float  # of a request that takes no early exit
    codec_s: float  # expected, to read and write tensors
    memory_bytes: float


@dataclass(frozen=True)
class OnLink:
    """A link's part, for a request that crosses it; nothing crosses where the tensor is ""."""

    link: str
    tensor: str
    wire: Wire | None
    bytes: float
    share: float  # of requests that cross
    write_s: float
    send_s: float
    delay_s: float  # one way
    read_s: float
    back_s: float  # the answer, its delay included

    @property
    def whole_s(self) -> float:
        """All seconds of a crossing."""
        return self.write_s + self.send_s + self.delay_s + self.read_s + self.back_s


@dataclass(frozen=True)
class Bill:
    """All parts and their sums."""

    hosts: tuple[AtHost, ...]
    links: tuple[OnLink, ...]
    figures: Figures
