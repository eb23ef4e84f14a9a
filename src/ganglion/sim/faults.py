"""Which faults the links and disks of a simulated world have beyond what is declared of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Probabilities per parcel or write; the demo runs without, the simulation tests with all of them."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0  # probability of an extra delay of up to `reorder_s`
    reorder_s: float = 1.0
    landed: float = 0.0  # of a write that a power cut met: that it, and all before it, is on the disk; above 0, what
    # the node had sent before arrives too


NONE = Faults()
