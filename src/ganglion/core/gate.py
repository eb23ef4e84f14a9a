"""The one question every gate asks: may what this message carries enter that zone?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from .label import STATISTIC_SAMPLES, Form, Label, Tier, Zone, may_enter
from .ref import Ref
from .sample import Answer
from .update import Statistic

PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


_FIELDS: dict[type, tuple[str, ...]] = {}  # of the types seen so far


def _fields(kind: type) -> tuple[str, ...]:
    """A dataclass's; none of any other type."""
    if kind not in _FIELDS:
        fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
        _FIELDS[kind] = tuple(one.name for one in fields)
    return _FIELDS[kind]


def labels_in(body: Any) -> Iterator[tuple[Label, str]]:
    """Every label that a message carries, with what carries it; ids, counts and times carry none."""
    if type(body) in PLAIN:
        return
    if isinstance(body, Ref):
        yield body.label, f"ref {body.digest[:12]}"
    elif isinstance(body, Answer):
        yield Label(body.tier, Form.FEATURE), f"the answer to {body.sample}"
    elif isinstance(body, Statistic):
        tier = Tier(body.tier)
        yield Label(tier, Form.STATISTIC), f"a statistic over {body.samples} samples"
        if body.samples < STATISTIC_SAMPLES:  # too few to hide anybody: it is as private as a sample's feature
            yield Label(tier, Form.FEATURE), f"a statistic over only {body.samples} samples"
    elif isinstance(body, (tuple, list)):
        for part in body:
            yield from labels_in(part)
    elif isinstance(body, dict):
        for part in body.values():
            yield from labels_in(part)
    else:
        for name in _fields(type(body)):
            if type(part := getattr(body, name)) not in PLAIN:
                yield from labels_in(part)


def denial(body: Any, zone: Zone) -> str:
    """Why this message may not enter that zone; "" when it may."""
    for label, what in labels_in(body):
        if not may_enter(label, zone):
            form, tier = label.form.name.lower(), label.tier.name.lower()
            return f"{what} is {form} of tier {tier}, which may not enter the {zone.name.lower()}"
    return ""
