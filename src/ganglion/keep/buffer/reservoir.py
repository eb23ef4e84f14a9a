"""Reservoir: at any time every item seen so far is kept with the same probability."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.random import Generator


@dataclass
class Reservoir:
    """A uniform sample of the whole stream. Source: Vitter 1985 (ACM TOMS 11), algorithm R."""

    size: int = 100
    seen: int = 0
    kept: list[str] = field(default_factory=list)

    def update(self, item: str, y: int, rng: Generator) -> str | None:
        """Takes one item; its class does not matter. What is dropped for it, perhaps itself."""
        self.seen += 1
        if len(self.kept) < self.size:
            self.kept.append(item)
            return None
        place = int(rng.integers(self.seen))
        if place >= self.size:
            return item
        dropped, self.kept[place] = self.kept[place], item
        return dropped

    def items(self) -> tuple[str, ...]:
        """What is kept."""
        return tuple(self.kept)
