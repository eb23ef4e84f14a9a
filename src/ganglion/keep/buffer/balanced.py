"""Balanced ring: every class has the same room, and in each the latest stay."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.random import Generator


@dataclass
class Balanced:
    """When it is full, the oldest of the largest class goes, so a rare class keeps its items however seldom it comes.

    Of classes that are equally large the one of the new item gives way first, then the lowest. Source: Chrysakis &
    Moens 2020 (ICML), the greedy balance; here the oldest goes and not a random one, as the world may change.
    """

    size: int = 100
    kept: dict[int, list[str]] = field(default_factory=dict)  # by class, oldest first

    def update(self, item: str, y: int, rng: Generator) -> str | None:
        """Takes one item of class `y`; nothing is random here. What is dropped for it, perhaps itself."""
        self.kept.setdefault(y, []).append(item)
        if sum(len(items) for items in self.kept.values()) <= self.size:
            return None
        largest = max(self.kept, key=lambda c: (len(self.kept[c]), c == y, -c))
        dropped = self.kept[largest].pop(0)
        if not self.kept[largest]:
            del self.kept[largest]
        return dropped

    def items(self) -> tuple[str, ...]:
        """What is kept, class by class."""
        return tuple(item for y in sorted(self.kept) for item in self.kept[y])
