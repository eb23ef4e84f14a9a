"""CUSUM: notices that a model's confidence has left, for good, what it was on the calibration set. Needs no label."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_STD = 0.01  # an exit that was sure of everything would otherwise alarm at rounding errors


@dataclass
class Cusum:
    """Two one-sided sums of how far confidences lie below and above their reference, in standard deviations.

    Each sample adds its distance less `drift`, at most `cap`, so that a few odd samples are no alarm; a sum is never
    negative. Both sides count, for strange inputs make some models unsure and others surer than ever. The reference is
    itself an estimate, so the stream refines it, as if `weight` samples had come before; a change over thousands of
    samples is therefore followed, not found. Silent also on a change of what labels mean, and of how often they come.

    Source: Page 1954 (Biometrika 41); Hawkins 1987 (The Statistician 36), the refined reference, and 1993 (J. Quality
    Technology 25), the cap.

    >>> detector = Cusum(mean=0.9, std=0.1)
    >>> [detector.update(0.4) for _ in range(20)].index(True)
    12
    """

    mean: float  # of confidences on the calibration set, from the release
    std: float  # … and their standard deviation
    drift: float = 0.2  # a distance of less than this many standard deviations is let pass
    threshold: float = 25.0  # sum at which it alarms; normal noise does so once in about 350,000 samples (at 15: 5,400)
    cap: float = 2.0  # most that one sample may add
    weight: int = 200  # samples behind `mean`
    below: float = 0.0
    above: float = 0.0
    samples: int = 0

    def update(self, value: float) -> bool:
        """Takes one confidence; whether a change is established."""
        std, most = max(self.std, LEAST_STD), self.cap + self.drift
        distance = min(max((value - self.mean) / std, -most), most)
        self.below = max(0.0, self.below + -distance - self.drift)
        self.above = max(0.0, self.above + distance - self.drift)
        self.samples += 1
        self.mean += distance * std / (self.weight + self.samples)
        return self.alarmed

    @property
    def alarmed(self) -> bool:
        """Whether a sum stands at the threshold or above."""
        return max(self.below, self.above) >= self.threshold
