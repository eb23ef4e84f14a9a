"""What was measured: how long each stage of one model takes on one kind of node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageTime:
    """One stage, batch of one."""

    first: int
    last: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class Profile:
    """Timings of a model's stages; a plan made from it is refused for another model."""

    model: str  # digest of the weights
    node: str  # which machine, or which class of machine
    runtime: str  # such as "onnxruntime 1.31.1"
    threads: int
    cpu: str
    source: str  # "measured", or where shipped figures come from
    stages: tuple[StageTime, ...]

    def seconds(self, first: int, last: int) -> float:
        """Median seconds of a stage."""
        for stage in self.stages:
            if (stage.first, stage.last) == (first, last):
                return stage.p50_s
        raise LookupError(f"stage [{first}, {last}) was not measured; let a job measure this model again")
