"""How far data may travel: one table of tier x form -> farthest zone, asked at every gate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Zone(IntEnum):
    """Where a node stands, from near to far."""

    DEVICE = 0
    EDGE = 1
    CLOUD = 2


class Tier(IntEnum):
    """How private data is; what is made from several tiers has the highest of them."""

    PUBLIC = 0
    DERIVED = 1  # protected by a named mechanism (noise, secure sum, consent)
    EDGE = 2  # edge-private: may not leave its site
    USER = 3  # user-private: may not leave its device


class Form(IntEnum):
    """What the data has become on its way."""

    RAW = 0
    FEATURE = 1  # also activations and answers
    UPDATE = 2
    STATISTIC = 3  # over at least `STATISTIC_SAMPLES` samples


STATISTIC_SAMPLES = 20  # fewer samples than this are no statistic: they could point at one person

REACH: dict[Tier, tuple[Zone, Zone, Zone, Zone]] = {
    #              RAW          FEATURE      UPDATE       STATISTIC
    Tier.USER: (Zone.DEVICE, Zone.DEVICE, Zone.DEVICE, Zone.EDGE),
    Tier.EDGE: (Zone.EDGE, Zone.EDGE, Zone.EDGE, Zone.CLOUD),
    Tier.DERIVED: (Zone.EDGE, Zone.CLOUD, Zone.CLOUD, Zone.CLOUD),
    Tier.PUBLIC: (Zone.CLOUD, Zone.CLOUD, Zone.CLOUD, Zone.CLOUD),
}


@dataclass(frozen=True, order=True)
class Label:
    """The privacy of one piece of data, set where it is born; no flow can change it."""

    tier: Tier
    form: Form

    def join(self, other: Label) -> Label:
        """The label of something made from both: the higher tier, in this one's form."""
        return Label(max(self.tier, other.tier), self.form)

    def as_form(self, form: Form) -> Label:
        """The label after the data became something else; the tier stays."""
        return Label(self.tier, form)


def may_enter(label: Label, zone: Zone) -> bool:
    """Whether data with this label may be in this zone.

    >>> may_enter(Label(Tier.EDGE, Form.RAW), Zone.CLOUD)
    False
    >>> may_enter(Label(Tier.EDGE, Form.STATISTIC), Zone.CLOUD)
    True
    """
    return zone <= REACH[label.tier][label.form]


PUBLIC_RAW = Label(Tier.PUBLIC, Form.RAW)
PUBLIC_UPDATE = Label(Tier.PUBLIC, Form.UPDATE)
