"""Which kernels are computed again rather than sent: masks, positions, rotary tables. It knows no framework."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..core.model import Kernel

PER_VALUE = 16  # operations per value at which computing again is no longer cheap
PARAM_BYTES = 1024  # constants that may lie at both sides, such as the frequencies of rotary tables


@dataclass(frozen=True)
class Draft:
    """A kernel of which is not yet known whether it is free."""

    kernel: Kernel
    values: int  # that it makes
    size: bool = False  # reads only how large its inputs are, not what they hold
    looks_up: bool = False  # takes rows out of a table of weights


def mark_free(drafts: list[Draft], indices: Collection[str]) -> tuple[Kernel, ...]:
    """Kernels in their order; `indices` are the model's inputs of integers or booleans.

    Free is what is cheap and made of nothing but sizes, constants, and inputs that only say where: positions, masks.
    An input that meets weights, as tokens meet their embedding, is a sample, and nothing made of it is free: or the
    sample itself would be sent in the stead of a mask.
    """
    origin: dict[str, frozenset[str]] = {name: frozenset({name}) for name in indices}  # the inputs it is made of
    samples: set[str] = set()
    candidates: set[str] = set()
    for draft in drafts:
        kernel = draft.kernel
        if draft.size:
            origin[kernel.name] = frozenset()
        elif _cheap(draft):
            if all(name in origin for name in kernel.inputs):
                origin[kernel.name] = frozenset().union(*(origin[name] for name in kernel.inputs))
                candidates.add(kernel.name)
        elif kernel.param_bytes:
            samples |= {index for name in kernel.inputs for index in origin.get(name, ())}
    free = {name for name in candidates if not origin[name] & samples}
    return tuple(replace(draft.kernel, free=True) if draft.kernel.name in free else draft.kernel for draft in drafts)


def _cheap(draft: Draft) -> bool:
    kernel = draft.kernel
    return not draft.looks_up and kernel.param_bytes <= PARAM_BYTES and kernel.flops <= PER_VALUE * draft.values
