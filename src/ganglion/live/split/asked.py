"""A request that place 0 has asked, what has come of it, and what its asker gets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from numpy.typing import NDArray

from ...core.label import Form, Label, Tier
from .messages import Results
from .place import Attached
from .stage import Tensor, plain

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
RAW_OF = {tier: Label(tier, Form.RAW) for tier in Tier}


class Reply(msgspec.Struct, frozen=True, eq=False):
    """The model's results by name, and how they came about."""

    outputs: dict[str, NDArray[Any]]
    way: str  # "" = answered here alone
    took_s: float
    sent_bytes: int = 0  # over the first link
    link_s: float = 0.0  # of `took_s`, on the first link, there and back; 0 where nothing was sent
    beyond_s: float = 0.0  # of `took_s`, in parts of the model beyond the first link
    spent_s: float = 0.0  # of `took_s`, beyond the first link in all: further links and waiting for others included
    degraded: bool = False  # the places beyond did not answer in time

    def slower(self, took_s: float, more_s: float) -> Reply:
        """The same as if it had taken so long in all, and so much longer beyond the first link."""
        return msgspec.structs.replace(self, took_s=took_s, spent_s=self.spent_s + more_s)


class Asked(msgspec.Struct, eq=False):
    """Under way."""

    way: str
    inputs: Arrays
    wanted: frozenset[str]
    done: asyncio.Future[None]
    outputs: dict[str, NDArray[Any]] = {}
    sent_bytes: int = 0
    sent_s: float = 0.0  # when the first tensor went up
    link_s: float = 0.0
    beyond_s: float = 0.0
    spent_s: float = 0.0

    def sent(self, attached: Attached, now_s: float) -> None:
        """Tensors go up."""
        self.sent_s = self.sent_s or now_s
        for _, array in attached:
            self.sent_bytes += array.nbytes

    def answered(self, body: Results, now_s: float) -> None:
        """Results have come over the first link."""
        self.link_s = max(now_s - self.sent_s - body.spent_s, 0.0)
        self.beyond_s, self.spent_s = body.computed_s, body.spent_s

    def came(self, body: Results, attached: Attached) -> None:
        """Results, wherever they were made. Raises ProtocolError for packed ones that are none."""
        for name, packed, (ref, array) in zip(body.names, body.packed, attached, strict=False):
            self.outputs[name] = plain(Tensor(name, array, packed, ref.label))
        if len(self.outputs) >= len(self.wanted) and self.wanted <= self.outputs.keys():
            settle(self.done, None)

    def reply(self, took_s: float) -> Reply:
        """All of it."""
        return Reply(self.outputs, self.way, took_s, self.sent_bytes, self.link_s, self.beyond_s, self.spent_s)


def settle(future: asyncio.Future[T] | None, value: T) -> None:
    """Gives a future its result, if anybody still waits for it."""
    if future is not None and not future.done():
        future.set_result(value)


def fail(future: asyncio.Future[T] | None, error: Exception) -> None:
    """Gives a future its error, if anybody still waits for it."""
    if future is not None and not future.done():
        future.set_exception(error)
