"""One cut as one place runs it: which of its parts can run on what has come, and what a run makes to send."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ...core.errors import ProtocolError
from ...core.label import Form, Label, Tier
from ...core.ref import HELD, Ref
from ...engine.onnx.part import OpenPart
from ...pack import codec, unpack
from .messages import Share

INLINE_S = 0.001  # a part that takes less is run where it is, for a thread would cost more
Array = NDArray[Any]
RAW = "raw"
TRAVELS = "fiu"  # kinds of number that the wire carries as they are
FEATURE = {tier: Label(tier, Form.FEATURE) for tier in Tier}


class Tensor(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One tensor of a request, or the bytes of its packed form."""

    name: str
    array: Array
    packed: bool
    label: Label


class Requested(msgspec.Struct, eq=False):
    """What one request has come to at this place."""

    missing: set[str]  # from below
    awaited: set[str]  # results from beyond
    began_s: float
    due_s: float
    held: dict[str, Tensor] = {}
    next: int = 0  # part
    busy: bool = False
    computed_s: float = 0.0
    tier: Tier = Tier.PUBLIC


class Made(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What came of one part."""

    held: dict[str, Tensor]  # for later parts of this place
    up: list[Tensor]
    down: list[Tensor]
    seconds: float


class Stage:
    """A share that is open: its parts can run."""

    def __init__(self, share: Share, parts: Sequence[OpenPart], graphs: tuple[bytes, ...] = ()) -> None:
        self.share = share
        self.graphs = graphs  # that the parts were made of
        self.passes = frozenset(share.expects) & frozenset(share.sends)
        self._parts = tuple(parts)
        self._sends, self._results = frozenset(share.sends), frozenset(share.results)
        self._codec = None if share.codec == RAW else codec(share.codec)
        self._mean_s = [INLINE_S] * len(self._parts)

    def begin(self, now_s: float, left_s: float) -> Requested:
        """A request of which nothing has come yet."""
        return Requested(set(self.share.expects), set(self.share.awaits), now_s, now_s + left_s)

    def over(self, request: Requested) -> bool:
        """Whether there is nothing more to do for it here."""
        return request.next == len(self._parts) and not request.missing and not request.awaited

    def ready(self, request: Requested) -> bool:
        """Whether its next part can run."""
        if request.busy or request.next == len(self._parts):
            return False
        for name in self._parts[request.next].inputs:  # noqa: SIM110  a generator costs more than the look-ups
            if name not in request.held:
                return False
        return True

    def quick(self, request: Requested) -> bool:
        """Whether its next part takes less than a change of threads would."""
        return self._mean_s[request.next] < INLINE_S

    def run(self, number: int, held: dict[str, Tensor], tier: Tier) -> Made:
        """One part. Safe on a thread of its own. Raises ProtocolError for tensors that it cannot take."""
        part = self._parts[number]
        feeds = {name: plain(held[name]) for name in part.inputs}
        began_s = time.perf_counter()
        outputs = part(feeds)
        seconds = time.perf_counter() - began_s
        self._mean_s[number] += 0.2 * (seconds - self._mean_s[number])
        label, made = FEATURE[tier], Made({}, [], [], seconds)
        for name, array in outputs.items():
            tensor = made.held[name] = Tensor(name, array, False, label)
            if name in self._sends:
                made.up.append(self._packed(tensor))
            if name in self._results:
                made.down.append(sendable(tensor))
        return made

    def _packed(self, tensor: Tensor) -> Tensor:
        if self._codec is None or tensor.array.dtype.kind != "f":
            return sendable(tensor)
        return Tensor(tensor.name, np.frombuffer(self._codec.encode(tensor.array), np.uint8), True, tensor.label)


def sendable(tensor: Tensor) -> Tensor:
    """As it is where the wire has its type, else as the bytes of the exact codec."""
    if tensor.array.dtype.kind in TRAVELS:
        return tensor
    return Tensor(tensor.name, np.frombuffer(codec(RAW).encode(tensor.array), np.uint8), True, tensor.label)


def carried(tensors: Sequence[Tensor]) -> list[tuple[Ref, Array]]:
    """As a message carries them."""
    return [(_ref(one.name, one.array.nbytes, one.label.tier, one.label.form), one.array) for one in tensors]


@lru_cache(1024)
def _ref(name: str, size_bytes: int, tier: Tier, form: Form) -> Ref:
    """One for a tensor of every request: which request it is of, the message says."""
    return Ref(f"{HELD}{name}", size_bytes, Label(tier, form))


def plain(tensor: Tensor) -> Array:
    """As the model made it, from how it came. Raises ProtocolError for bytes that are none."""
    if not tensor.packed:
        return tensor.array
    if tensor.array.dtype != np.uint8 or tensor.array.ndim != 1:
        raise ProtocolError(f"tensor {tensor.name} is said to be packed, but came as {tensor.array.dtype}")
    return unpack(tensor.array.data)
