"""Page-Hinkley: notices a lasting fall of a stream below its own mean. Needs neither a label nor a reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PageHinkley:
    """Sum of how far values fall below the mean so far, against the least that the sum has been.

    It learns its reference from the stream, so it must begin on an undrifted one, and it follows slow changes.
    `slack` and `threshold` are in the unit of the values; the defaults are for confidences in [0, 1].

    Source: Hinkley 1971 (Biometrika 58); in the form of Gama et al. 2014 (ACM Computing Surveys 46), section 3.2.
    """

    slack: float = 0.05  # a fall of less than this is let pass
    threshold: float = 4.0  # rise of the sum over its least at which it alarms
    warm_up: int = 30  # samples before it may alarm
    mean: float = 0.0
    total: float = 0.0
    least: float = 0.0
    samples: int = 0

    def update(self, value: float) -> bool:
        """Takes one value; whether the fall is established."""
        self.samples += 1
        self.mean += (value - self.mean) / self.samples
        self.total += self.mean - value - self.slack
        self.least = min(self.least, self.total)
        return self.alarmed

    @property
    def alarmed(self) -> bool:
        """Whether the sum has risen by the threshold or more."""
        return self.samples > self.warm_up and self.total - self.least >= self.threshold
