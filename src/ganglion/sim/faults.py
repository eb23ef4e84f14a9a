"""Which faults the links of a simulated world have beyond their declared rate and delay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Probabilities per parcel; the demo runs without, the simulation tests with all of them."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0  # probability of an extra delay of up to `reorder_s`
    reorder_s: float = 1.0


NONE = Faults()
