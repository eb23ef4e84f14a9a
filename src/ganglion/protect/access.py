"""Who may do what with data of which tier, and where: one pure function, asked wherever a person or a node comes in.

It adds to `core.label`, which says where data may be whoever asks, and never allows what that table forbids.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from ..core.label import Form, Label, Tier, Zone, may_enter


class Role(IntEnum):
    """Who asks, as the certificate says."""

    DEVICE = 0  # any machine of the fleet: a device, an edge, the cloud
    OPERATOR = 1  # a person who runs the fleet
    OWNER = 2  # a person who decides who belongs to it


class Action(IntEnum):
    """What is asked for."""

    READ = 0  # see the data themselves
    SEND = 1  # have them go there
    ARRIVE = 2  # take them in there
    QUERY = 3  # ask for answers made from them
    TRAIN = 4  # learn from them there
    LABEL = 5  # look at them and say what they show
    RELEASE = 6  # bring a model learnt from them there
    ADMINISTER = 7  # invite, disable, rotate keys, change policy: touches no data


class Place(IntEnum):
    """Where it would happen."""

    DEVICE = 0
    EDGE = 1
    CLOUD = 2
    CONSOLE = 3  # a person's screen: outside every site, and it keeps and computes nothing


FORMS: Mapping[Action, Form] = {  # what the data are for an action, where the caller does not say
    Action.READ: Form.RAW,
    Action.SEND: Form.RAW,
    Action.ARRIVE: Form.RAW,
    Action.QUERY: Form.FEATURE,
    Action.TRAIN: Form.RAW,
    Action.LABEL: Form.RAW,
    Action.RELEASE: Form.UPDATE,
}
_PERSON = frozenset({Action.READ, Action.QUERY, Action.TRAIN, Action.LABEL, Action.RELEASE})
_MACHINE = frozenset({Action.READ, Action.SEND, Action.ARRIVE, Action.QUERY, Action.TRAIN, Action.LABEL})
ACTIONS: Mapping[Role, frozenset[Action]] = {
    Role.DEVICE: _MACHINE,
    Role.OPERATOR: _PERSON,
    Role.OWNER: _PERSON | {Action.SEND, Action.ADMINISTER},
}
HIGHEST: Mapping[Role, Tier] = {  # tier whose data a role may have to do with at all
    Role.DEVICE: Tier.USER,
    Role.OPERATOR: Tier.EDGE,
    Role.OWNER: Tier.USER,
}
SHOWN = frozenset({Action.READ, Action.SEND, Action.QUERY, Action.LABEL, Action.ADMINISTER})  # what a console can do


def refusal(role: Role, action: Action, tier: Tier, place: Place, form: Form | None = None) -> str:
    """Why this may not be; "" where it may. `form`: what the data are by now, else as the action takes them.

    >>> refusal(Role.OWNER, Action.READ, Tier.PUBLIC, Place.CONSOLE)
    ''
    >>> refusal(Role.DEVICE, Action.ADMINISTER, Tier.PUBLIC, Place.DEVICE)
    'a device may not administer'
    """
    who, what, where = (one.name.lower() for one in (role, action, place))
    article = "an" if who[0] in "aeiou" else "a"
    if action not in ACTIONS[role]:
        return f"{article} {who} may not {what}"
    if place is Place.CONSOLE and (role is Role.DEVICE or action not in SHOWN):
        return f"{article} {who} may not {what} at a console"
    if action is Action.ADMINISTER:
        return ""
    if tier > HIGHEST[role]:
        return f"{article} {who} may not {what} data of tier {tier.name.lower()}"
    label = Label(tier, FORMS[action] if form is None else form)
    if not may_enter(label, Zone(min(place, Place.CLOUD))):  # a console lies as far from the data as the cloud
        return f"{label.form.name.lower()} of tier {tier.name.lower()} may not enter the {where}"
    return ""
