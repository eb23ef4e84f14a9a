"""Data moves only as a Ref: the fields of every message are ids, counts, times, references and small nouns."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

import ganglion.flow
from ganglion.core import facts
from ganglion.core.ref import Ref
from ganglion.core.release import Signed
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors

PLAIN = (str, int, float, bool, type(None))
BYTES = {Signed}  # a manifest and a signature are public, and digests are taken over their exact bytes


def named() -> list[str]:
    """Every flow's module of messages."""
    found = pkgutil.walk_packages(ganglion.flow.__path__, "ganglion.flow.")
    return sorted(one.name for one in found if one.name.endswith(".messages"))


def bodies(module: types.ModuleType) -> list[type]:
    """The classes that a module defines itself."""
    return [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]


def wrong(kind: Any, where: str, inside: type | None = None) -> Iterator[str]:
    """One line for each part of a type that could carry data past the gates."""
    if isinstance(kind, NewType):
        yield from wrong(kind.__supertype__, where, inside)
    elif get_origin(kind) in (Union, types.UnionType, tuple, dict):
        for part in get_args(kind):
            if part is not ...:
                yield from wrong(part, where, inside)
    elif kind is bytes and inside in BYTES:
        return
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__.startswith("ganglion."):
        if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            yield f"{where}: {kind.__name__} can be changed after it was sent; make it frozen"
        for name, part in get_type_hints(kind).items():
            yield from wrong(part, f"{where}.{name}", kind)
    elif not (kind in PLAIN or (isinstance(kind, type) and issubclass(kind, Enum))):
        yield f"{where}: {kind} may carry data that no gate sees; send a Ref"


def test_there_are_messages_to_look_at() -> None:
    assert "ganglion.flow.round.messages" in named()


@pytest.mark.parametrize("module", [*named(), facts.__name__])
def test_messages_carry_no_data(module: str) -> None:
    kinds = bodies(importlib.import_module(module))
    assert kinds, f"{module} has no message"
    assert all(dataclasses.is_dataclass(kind) for kind in kinds), f"{module} holds dataclasses only"
    found = [one for kind in kinds for one in wrong(kind, kind.__name__)]
    assert not found, "\n".join(found)


@dataclasses.dataclass
class Loose:
    """A message that its receiver could change."""

    count: int


@pytest.mark.parametrize(
    "kind", [bytes, NDArray[np.float32], Tensors, Examples, object, Any, list[float], tuple[bytes, ...], Ref | bytes]
)
def test_what_could_carry_data_is_noticed(kind: Any) -> None:
    assert list(wrong(kind, "planted"))


@pytest.mark.parametrize("kind", [Ref, Signed, int, tuple[tuple[str, Ref], ...], Ref | None, dict[str, float]])
def test_what_cannot_is_let_pass(kind: Any) -> None:
    assert not list(wrong(kind, "planted"))


def test_a_message_cannot_be_changed() -> None:
    Loose.__module__ = "ganglion.flow.planted"
    assert list(wrong(Loose, "planted")) == ["planted: Loose can be changed after it was sent; make it frozen"]
