"""What work may touch: a node's disk, keys, random numbers, engines and the tensors of requests in flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.codec import Codec
from ..core.errors import NotFound
from ..core.fleet import Fleet, NodeId
from ..core.label import Label
from ..core.ports import Disk, Engine, Rng, Vault
from ..core.ref import HELD, Ref


class Runner(Protocol):
    """Runs one exported stage: `engine/onnx` is one; it needs no torch."""

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        """A function from the stage's input [batch, ...] to its outputs: probabilities per exit, then the boundary."""
        ...


class Tray:
    """Tensors of requests in flight, by name; nothing here outlives its request."""

    def __init__(self, me: NodeId) -> None:
        self._me = me
        self._held: dict[str, NDArray[Any]] = {}

    def put(self, name: str, array: NDArray[Any], label: Label) -> Ref:
        """Holds an array under a name and gives the reference that stands for it."""
        digest = f"{HELD}{self._me}/{name}"
        self._held[digest] = array
        return Ref(digest, int(array.nbytes), label)

    def take(self, ref: Ref, array: NDArray[Any]) -> None:
        """Holds an array that arrived with a reference made elsewhere."""
        self._held[ref.digest] = array

    def get(self, ref: Ref) -> NDArray[Any]:
        """The array behind a reference."""
        try:
            return self._held[ref.digest]
        except KeyError:
            raise NotFound(f"tensor {ref.digest} is not held here any more; its request has ended") from None

    def drop(self, ref: Ref) -> None:
        """Forgets one."""
        self._held.pop(ref.digest, None)

    def __len__(self) -> int:
        return len(self._held)


@dataclass
class Tools:
    """Handed to every piece of work. `engine` is None on the agent: what needs it runs in a worker."""

    me: NodeId
    fleet: Fleet
    disk: Disk
    rng: Rng
    vault: Vault
    codec: Codec
    tray: Tray
    runner: Runner
    engine: Engine | None = None
    loaded: dict[str, Any] = field(default_factory=dict)  # what work keeps between calls on this node, by name
