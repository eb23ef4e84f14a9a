"""A positive quantity seen with outliers, such as a link's rate or a machine's load: one odd value hardly moves it.

Source: the clipped step is Huber 1964, doi:10.1214/aoms/1177703732, on logarithms; that a second odd value of the same
direction is believed at once is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Steady:
    """A running estimate; state is its fields."""

    weight: float = 0.5  # of the newest value, on logarithms
    odd: float = 0.4  # a value this far off, in natural logarithms, is odd
    value: float = 0.0  # the estimate; 0 = nothing was seen yet
    doubt: float = 0.0  # the odd value seen last; 0 = the last one was not odd

    def update(self, seen: float) -> float:
        """The estimate after one more value. Values that are not positive and finite change nothing."""
        if not 0.0 < seen < math.inf:
            return self.value
        if self.value == 0.0:
            self.value = seen
            return seen
        off = math.log(seen / self.value)
        if abs(off) <= self.odd:
            self.doubt = 0.0
            self.value *= math.exp(self.weight * off)
        elif self.doubt and (self.doubt > self.value) == (seen > self.value):
            self.value = math.sqrt(self.doubt * seen)
            self.doubt = 0.0
        else:
            self.doubt = seen
            self.value *= math.exp(self.weight * math.copysign(self.odd, off))
        return self.value
