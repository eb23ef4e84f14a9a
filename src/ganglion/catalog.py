"""Names become algorithms here and nowhere else: each kind is a folder, and its `__init__` is the table."""

from __future__ import annotations

from difflib import get_close_matches
from types import ModuleType
from typing import Any

from . import protect, watch
from .infer import exit as infer_exit
from .keep import buffer as keep_buffer
from .keep import select as keep_select
from .learn import aggregate as learn_aggregate
from .learn import client as learn_client
from .learn import partition as learn_partition
from .learn import select as learn_select
from .learn import step as learn_step
from .learn import transfer as learn_transfer

# kind -> the folder, and which of its names can be chosen where the folder holds more than one kind of thing
KINDS: dict[str, tuple[ModuleType, tuple[str, ...]]] = {
    "detector": (watch, ("Cusum", "PageHinkley")),
    "infer.exit": (infer_exit, tuple(infer_exit.__all__)),
    "keep.buffer": (keep_buffer, tuple(keep_buffer.__all__)),
    "keep.select": (keep_select, tuple(keep_select.__all__)),
    "learn.aggregate": (learn_aggregate, ("FairMean", "Mean", "Median", "Nova")),
    "learn.client": (learn_client, tuple(learn_client.__all__)),
    "learn.partition": (learn_partition, tuple(learn_partition.__all__)),
    "learn.select": (learn_select, tuple(learn_select.__all__)),
    "learn.step": (learn_step, tuple(learn_step.__all__)),
    "learn.transfer": (learn_transfer, tuple(learn_transfer.__all__)),
    "mechanism": (protect, ("Consent", "Noise")),
    "prepare": (protect, ("Clip", "Noise")),
}


def kinds() -> list[str]:
    """Every kind of algorithm that can be named."""
    return sorted(KINDS)


def names(kind: str) -> list[str]:
    """The algorithms of a kind. Raises LookupError for an unknown kind."""
    if kind not in KINDS:
        raise LookupError(f"no kind of algorithm {kind!r}; {_meant(kind, kinds())}")
    return sorted(KINDS[kind][1])


def make(kind: str, name: str, **parameters: Any) -> Any:
    """An algorithm by name. Raises LookupError for an unknown kind or name, TypeError for an unknown parameter.

    >>> make("learn.aggregate", "Mean", weighted=False)
    Mean(weighted=False)
    """
    known = names(kind)
    if name not in known:
        raise LookupError(f"no {kind} {name!r}; {_meant(name, known)}")
    return getattr(KINDS[kind][0], name)(**parameters)


def _meant(said: str, known: list[str]) -> str:
    lower = {name.lower(): name for name in known}
    close = get_close_matches(said.lower(), lower, n=1)
    return f"did you mean {lower[close[0]]!r}?" if close else f"there are {', '.join(known)}"
