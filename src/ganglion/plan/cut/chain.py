"""One variant of a model as a chain of segments, with all that is known of each place where it can be cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...core.errors import ConfigError
from ...core.fleet import Node
from ...core.probability import Bools, Floats


@dataclass(frozen=True)
class Wire:
    """How a tensor is written for a link."""

    bits: int
    codec: str

    def __str__(self) -> str:
        return f"{self.bits}-bit {self.codec}"


@dataclass(frozen=True, eq=False)
class Chain:
    """Segments in a row; cut i lies before segment i, so cut 0 sends the input and the cut after all sends nothing.

    Settings are vectors of exit thresholds, measured on held-out samples. Raises ConfigError where parts do not fit.
    """

    variant: str  # such as "int8"
    model: str  # digest of the weights
    boundaries: tuple[str, ...]  # [segments] the tensor before each
    seconds: Floats  # [segments] on the machine whose slowdown is 1
    wires: tuple[Wire, ...]
    wire_bytes: Floats  # [wires, segments] of the tensor before the segment; inf = cannot be written so
    codec_s: Floats  # [2, wires, segments] to write and to read, on the machine whose slowdown is 1
    drop: Floats  # [settings or 1, wires, segments] accuracy lost by one crossing there; over several links drops add
    thresholds: tuple[tuple[float, ...], ...]  # [settings] of each exit
    shares: Floats  # [settings, segments] of requests that are answered in each segment
    accuracy: Floats  # [settings] with nothing lost on a link
    weight_bytes: Floats  # [segments]
    peak_bytes: Floats  # [segments] of activations
    answer_bytes: float = 64.0
    measured: Mapping[str, Floats] = field(default_factory=dict)  # host -> [segments] seconds there, where known

    def __post_init__(self) -> None:
        n, wires, settings = len(self.boundaries), len(self.wires), len(self.thresholds)
        wanted = {
            "seconds": (n,),
            "wire_bytes": (wires, n),
            "codec_s": (2, wires, n),
            "drop": (len(self.drop) if len(self.drop) == 1 else settings, wires, n),
            "shares": (settings, n),
            "accuracy": (settings,),
            "weight_bytes": (n,),
            "peak_bytes": (n,),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ConfigError(f"{name} of {self.variant} is {getattr(self, name).shape}; it must be {shape}")
        if not np.allclose(self.shares.sum(1), 1.0) or (self.shares < -1e-9).any():
            raise ConfigError(
                f"shares of {self.variant} add up to {self.shares.sum(1)}; every request is answered once"
            )

    def until(self, host: Node, every: bool = False) -> Floats:
        """Seconds of the segments before each cut, on a host: [settings, segments + 1], expected over early exits.

        `every`: of a request that takes no early exit, [1, segments + 1].
        """
        own = self.measured.get(str(host.id))
        if own is None:
            return (self._until[1] if every else self._until[0]) * host.slowdown
        return _before(np.asarray(own)[None] * (1.0 if every else self.left[:, :-1]))

    @cached_property
    def _until(self) -> tuple[Floats, Floats]:
        return _before(self.seconds * self.left[:, :-1]), _before(self.seconds[None])

    @cached_property
    def exits_early(self) -> bool:
        """Whether any request is answered before the last segment, in any setting."""
        return bool((self.shares[:, :-1] > 0).any())

    @cached_property
    def finite(self) -> Bools:
        """Which tensors can be written how: [wires, segments]."""
        return np.isfinite(self.wire_bytes)

    @cached_property
    def sent_bytes(self) -> Floats:
        """Bytes of the tensor before a segment: [wires, segments]; 0 where it cannot be written so."""
        return np.where(self.finite, self.wire_bytes, 0.0)

    @cached_property
    def left(self) -> Floats:
        """Share of requests that is not answered before each segment: [settings, segments + 1], the last 0."""
        return np.asarray(np.maximum(1.0 - _before(self.shares), 0.0))

    @cached_property
    def held_bytes(self) -> Floats:
        """Weights and the highest peak of segments [i, j): [segments + 1, segments + 1], 0 where j <= i."""
        n = len(self.boundaries)
        weights = np.concatenate([[0.0], np.cumsum(self.weight_bytes)])
        inside = np.arange(n + 1)[None, :] > np.arange(n + 1)[:, None]
        peaks = np.maximum.accumulate(np.where(inside, np.append(0.0, self.peak_bytes)[None, :], 0.0), axis=1)
        return np.where(inside, weights[None, :] - weights[:, None] + peaks, 0.0)


def _before(values: Floats) -> Floats:
    """Sums of what comes before: [rows, n] -> [rows, n + 1]."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
