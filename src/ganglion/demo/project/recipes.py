"""How to fit the demo's models, as data: from nothing, and learning on from a release with replay."""

from __future__ import annotations

from ...core.compute import Adam, CrossEntropy
from ...node.tools import Recipe

EXITS = CrossEntropy((0.8, 0.7, 1.0))  # the first sees least, so it needs more of the say

FRESH: dict[str, Recipe] = {
    "digits": Recipe(Adam(rate=8e-3, epochs=60, batch=64, decay=0.01, cooling=0.75), EXITS),
    "mnist": Recipe(Adam(rate=4e-3, epochs=6, batch=64, decay=0.01, cooling=0.75), EXITS),
    "cifar10": Recipe(Adam(rate=3e-3, epochs=8, batch=64, decay=0.01, cooling=0.75), EXITS),
}
# A strong decay lets go of what was learnt before; without it a noisy world is learnt worse than from nothing.
TRANSFER: dict[str, Recipe] = {
    "digits": Recipe(Adam(rate=1e-2, epochs=60, batch=64, decay=0.2, cooling=0.9), EXITS),
    "mnist": Recipe(Adam(rate=3e-3, epochs=5, batch=64, decay=0.01, cooling=0.75), EXITS),
    "cifar10": Recipe(Adam(rate=2e-3, epochs=5, batch=64, decay=0.01, cooling=0.75), EXITS),
}
# A client's share of a round is small, for averaging two sites that each went their own way undoes what one had learnt.
ROUND: dict[str, Recipe] = {
    "digits": Recipe(Adam(rate=1e-3, epochs=8, batch=64, decay=0.01, cooling=0.75), EXITS),
    "mnist": Recipe(Adam(rate=5e-4, epochs=2, batch=64, decay=0.01, cooling=0.75), EXITS),
    "cifar10": Recipe(Adam(rate=5e-4, epochs=2, batch=64, decay=0.01, cooling=0.75), EXITS),
}
