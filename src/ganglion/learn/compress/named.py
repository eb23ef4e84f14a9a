"""The compressions of the literature as rows of one table, and one of them from names and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ...core.errors import ConfigError
from ...core.table import closest
from .compress import Compress
from .dgc import Dgc
from .even import Even
from .feedback import Feedback
from .low_rank import LowRank
from .plain import Plain
from .qsgd import Qsgd
from .top_k import TopK

COMPRESSIONS = {
    "none": Compress(deflate=False),
    "deflate": Compress(),
    "qsgd": Compress(numbers=Qsgd()),
    "even": Compress(numbers=Even(), memory=Feedback()),
    "sign": Compress(numbers=Even(1), memory=Feedback()),
    "top_k": Compress(TopK(), memory=Feedback()),
    "dgc": Compress(TopK(0.001), memory=Dgc()),
    "power_sgd": Compress(LowRank(), memory=Feedback()),
}
NUMBERS: dict[str, Plain | Qsgd | Even] = {"plain": Plain(), "qsgd": Qsgd(), "even": Even()}
SLOTS = ("part", "numbers", "memory")
Values = Mapping[str, float | str | bool]


def parameters(name: str, numbers: str = "") -> dict[str, Any]:
    """What a compression can be given beside its name, with what it is without. Raises ConfigError for no such name."""
    made = _of(name, numbers)
    known: dict[str, Any] = {"deflate": made.deflate, "feedback": made.memory is not None, "numbers": numbers}
    for slot in (getattr(made, slot) for slot in SLOTS):
        known |= {one.name: getattr(slot, one.name) for one in (fields(slot) if slot is not None else ())}
    return known


def named(name: str, values: Values | None = None) -> Compress:
    """One by its name, with some of its parameters: of any slot, `numbers` (how they are written), `feedback` (yes/no).

    Raises ConfigError for what there is not.

    >>> named("dgc", {"share": 0.01, "numbers": "even", "bits": 4.0}).numbers
    Even(bits=4, bucket=512)
    """
    given = dict(values or {})
    numbers = str(given.pop("numbers", ""))
    known = parameters(name, numbers)
    for key in given:
        if key not in known:
            raise ConfigError(f"compression {name!r} has no {key!r}: it has {', '.join(known)}; {closest(key, known)}")
    made = _of(name, numbers)
    if not given.pop("feedback", True):
        made = replace(made, memory=None)
    made = replace(made, deflate=bool(given.pop("deflate", made.deflate)))
    for slot in SLOTS:
        held: Any = getattr(made, slot)
        own = {one.name for one in fields(held)} & set(given) if held is not None else set()
        if own:
            like = {key: type(getattr(held, key))(given[key]) for key in own}
            made = replace(made, **{slot: replace(held, **like)})
    return made


def _of(name: str, numbers: str) -> Compress:
    if name not in COMPRESSIONS:
        raise ConfigError(
            f"no compression {name!r}: there are {', '.join(COMPRESSIONS)}; {closest(name, COMPRESSIONS)}"
        )
    if numbers and numbers not in NUMBERS:
        raise ConfigError(f"no numbers {numbers!r}: there are {', '.join(NUMBERS)}; {closest(numbers, NUMBERS)}")
    made = COMPRESSIONS[name]
    return replace(made, numbers=NUMBERS[numbers]) if numbers else made
