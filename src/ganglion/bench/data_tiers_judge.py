"""Who judges where data went, by its bytes alone: every piece of content carries a mark, and its true privacy is kept.

The rule is written down here a second time, from the words of the table and not from its code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..core.label import Form, Label, Tier, Zone

MARK = b"\xc5GN\x1a"  # begins a canary; eight bytes of its number follow
FILLING = 20
_CANARY = re.compile(re.escape(MARK) + b"(.{8})", re.DOTALL)


def allowed(truth: Label, zone: Zone) -> bool:
    """Whether data of this true privacy may be seen in a zone."""
    if zone is Zone.DEVICE or truth.tier is Tier.PUBLIC:
        return True
    if truth.tier is Tier.USER:  # never leaves its device, but for counts over many, which stay on the site
        return truth.form is Form.STATISTIC and zone is Zone.EDGE
    if zone is Zone.EDGE:
        return True
    if truth.tier is Tier.EDGE:  # never leaves its site, but for counts over many
        return truth.form is Form.STATISTIC
    return truth.form is not Form.RAW  # protected by a named mechanism


@dataclass
class Judge:
    """Knows what every canary truly is. A device is a zone of its own: `home` says whose."""

    truths: dict[int, Label] = field(default_factory=dict)
    homes: dict[int, frozenset[str]] = field(default_factory=dict)  # devices that a user-private canary comes from
    leaks: list[str] = field(default_factory=list)
    seen: int = 0  # canaries on links

    def make(self, truth: Label, homes: frozenset[str]) -> bytes:
        """Content that nobody else has."""
        number = len(self.truths) + 1
        self.truths[number], self.homes[number] = truth, homes
        return MARK + number.to_bytes(8, "little") + bytes((number * 31 + place) % 251 for place in range(FILLING))

    def link(self, to: str, zone: Zone, raw: bytes) -> None:
        """Bytes on their way to a node."""
        self._look(f"a link to {to}", to, zone, raw, True)

    def rest(self, at: str, zone: Zone, raw: bytes) -> None:
        """Bytes that a node holds."""
        self._look(f"the disk of {at}", at, zone, raw, False)

    def _look(self, where: str, node: str, zone: Zone, raw: bytes, moves: bool) -> None:
        for found in _CANARY.findall(raw):
            number = int.from_bytes(found, "little")
            truth = self.truths.get(number)
            if truth is None:
                continue  # four bytes of something else
            self.seen += moves
            strayed = truth.tier is Tier.USER and truth.form is not Form.STATISTIC and node not in self.homes[number]
            if strayed or not allowed(truth, zone):
                self.leaks.append(f"{truth.form.name.lower()} of tier {truth.tier.name.lower()} is on {where}")
