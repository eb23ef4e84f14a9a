"""A bounded choice of a stream: `update(item, y, rng)` takes one item and says which one has to go, if any.

Buffers are dataclasses of plain fields, so a node can keep a snapshot of one. Items are names; what they name is kept
elsewhere, under its label.
"""

from .balanced import Balanced
from .reservoir import Reservoir

__all__ = ["Balanced", "Reservoir"]
