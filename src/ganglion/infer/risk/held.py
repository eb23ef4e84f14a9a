"""What exits say about held-out samples, for any kind of answer: how sure each is, and what answering there costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.probability import Bools, Floats, confidence, entropy, margin
from ..calibrate import Labels

# What may say how sure an exit is; higher is surer, all within [0, 1].
SCORES: dict[str, Callable[[Floats], Floats]] = {
    "confidence": confidence,
    "entropy": lambda probabilities: np.asarray(1.0 - entropy(probabilities)),
    "margin": margin,
}


@dataclass(frozen=True, eq=False)
class Held:
    """Arrays [exits, n], or [exits, n, steps] where each step of a sequence is answered by itself; nearest exit first.

    Raises ConfigError for shapes that do not fit and for losses outside [0, 1].
    """

    sure: Floats  # higher is surer, in any unit
    loss: Floats  # of answering there, in [0, 1]
    relative: bool = True  # whether the loss is against the last exit, which then loses nothing by definition
    counts: Bools | None = None  # [n, steps]: which steps there are; None = all

    def __post_init__(self) -> None:
        shape = self.sure.shape
        if len(shape) < 2 or self.loss.shape != shape or 0 in shape:
            raise ConfigError(f"sure {shape} and loss {self.loss.shape}; both must be [exits, n] or [exits, n, steps]")
        if not ((self.loss >= 0) & (self.loss <= 1)).all():
            raise ConfigError(f"losses reach from {self.loss.min()} to {self.loss.max()}; scale them to [0, 1]")
        if self.counts is not None and (self.counts.shape != shape[1:] or not self.counts.any(-1).all()):
            raise ConfigError(f"counts {self.counts.shape} for samples {shape[1:]}; each needs a step that counts")

    def __len__(self) -> int:
        return int(self.sure.shape[1])

    def take(self, rows: NDArray[np.integer] | slice) -> Held:
        """Some of the samples."""
        counts = None if self.counts is None else self.counts[rows]
        return Held(self.sure[:, rows], self.loss[:, rows], self.relative, counts)

    def exits(self, thresholds: Sequence[float]) -> NDArray[np.intp]:
        """Which exit answers, [n] or [n, steps]: the first that is as sure as its threshold, else the last."""
        if len(thresholds) != len(self.sure) - 1:
            raise ConfigError(f"{len(thresholds)} thresholds for {len(self.sure)} exits; give each but the last one")
        limits = np.reshape(thresholds, (-1,) + (1,) * (self.sure.ndim - 1))
        early = self.sure[:-1] >= limits
        return np.where(early.any(0), early.argmax(0), len(self.sure) - 1)

    def losses(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Loss per sample [n] if the exits `at` answer; of a sequence, the mean over its steps."""
        lost = np.take_along_axis(self.loss, at[None], 0)[0].astype(np.float64)
        return lost if lost.ndim == 1 else self._mean(lost)

    def shares(self, at: NDArray[np.intp]) -> tuple[float, ...]:
        """Of the answers, per exit."""
        counted = at if self.counts is None else at[self.counts]
        return tuple((np.bincount(counted.ravel(), minlength=len(self.sure)) / counted.size).tolist())

    def _mean(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = steps.reshape(len(self), -1)
        if self.counts is None:
            return np.asarray(flat.mean(1))
        counts = self.counts.reshape(len(self), -1)
        return np.asarray((flat * counts).sum(1) / counts.sum(1))


def classified(probabilities: Sequence[Floats], y: Labels, score: str = "confidence", against: str = "whole") -> Held:
    """From calibrated probabilities [n, classes], or [n, steps, classes], per exit, and labels [n] or [n, steps].

    A loss is an answer that is wrong where the whole model's is right (`against` = "whole"), or wrong at all ("truth").
    A label of -1 is a step that is not there. `score` is one of SCORES. Raises ConfigError for another.
    """
    if score not in SCORES or against not in ("whole", "truth"):
        raise ConfigError(f"score {score!r} against {against!r}: use {', '.join(SCORES)}, against whole or truth")
    said = np.stack([p.argmax(-1) for p in probabilities])
    wrong = said != y
    lost = wrong & ~wrong[-1] if against == "whole" else wrong
    there = np.asarray(y) >= 0
    sure = np.stack([SCORES[score](p) for p in probabilities])
    return Held(sure, (lost & there).astype(np.float64), against == "whole", there if there.ndim > 1 else None)


def regressed(values: Sequence[Floats], spreads: Sequence[Floats], tolerance: float) -> Held:
    """From values [n], or [n, steps], per exit and how far off each exit says that it may be, in the same unit.

    A loss is a value more than `tolerance` from the whole model's; the smaller an exit's spread, the surer it is.
    """
    if not tolerance > 0:
        raise ConfigError(f"tolerance {tolerance} must be above 0: the difference that does not matter to you")
    said = np.stack(list(values)).astype(np.float64)
    return Held(-np.stack(list(spreads)).astype(np.float64), (np.abs(said - said[-1]) > tolerance).astype(np.float64))
