"""An update, or the sum of many, as one blob: its change of weights, what it counts for, and what it was made for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import arrays_of_bytes, arrays_to_bytes
from ..core.errors import Corrupt
from ..core.fleet import NodeId
from ..core.label import Form, Label, Tier
from ..core.ref import Ref
from ..core.tensors import Tensors
from ..core.update import Counted, Update
from ..learn.aggregate import Total
from ..learn.compress import decode
from .tools import Tools

DELTA, EXTRA, COUNT, STAMP, PACKED = "delta", "extra/", "count", "stamp", "packed"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Stamp:
    """Which round of which job an update was made for, and by whom: it counts nowhere else."""

    job: int
    number: int
    by: NodeId

    def array(self) -> NDArray[np.int64]:
        """As it is written; a name is its CRC-32, which says who without saying the name."""
        return np.array([self.job, self.number, zlib.crc32(self.by.encode())], np.int64)


@dataclass(frozen=True, eq=False)
class Sent:
    """What a blob holds. `clients` > 1: it is a sum, and the delta its mean."""

    delta: Tensors
    extra: Mapping[str, Tensors]
    weight: float
    steps: float
    clients: int
    loss: float | None
    stamp: tuple[int, ...]
    summed: bool

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return 4 * len(self.delta.flat) * (1 + len(self.extra))

    def update(self, tier: Tier) -> Update:
        """As one update."""
        return Update(self.delta, self.weight, tier, int(self.steps), self.loss, self.extra)

    def total(self) -> Total:
        """As the sum that it is."""
        flat = self.delta.flat.astype(np.float64) * (self.weight or 1.0)
        extra = {name: one.flat.astype(np.float64) for name, one in self.extra.items()}
        return Total(flat, self.weight, self.delta.layout, self.steps, self.clients, extra)


def put_update(update: Update, stamp: Stamp, tools: Tools, packed: bytes | None = None) -> Counted:
    """Keeps one client's update; `packed`: its delta as it was compressed."""
    count = (update.weight, update.steps, 1, np.nan if update.loss is None else update.loss, 0)
    delta = _named(DELTA, update.delta) if packed is None else {PACKED: np.frombuffer(packed, np.uint8)}
    return _put(delta, update.extra, count, stamp, Label(update.tier, Form.UPDATE), tools)


def put_total(total: Total, stamp: Stamp, tier: Tier, tools: Tools) -> Counted:
    """Keeps a sum, as its mean and what it counts for, for single precision is enough for a mean."""
    mean = Tensors((total.flat / (total.weight or 1.0)).astype(np.float32), total.layout)
    extra = {name: mean.with_flat(flat.astype(np.float32)) for name, flat in total.extra.items()}
    count = (total.weight, total.steps, total.clients, np.nan, 1)
    return _put(_named(DELTA, mean), extra, count, stamp, Label(tier, Form.UPDATE), tools)


def _put(
    delta: Arrays, extra: Mapping[str, Tensors], count: tuple[float, ...], stamp: Stamp, label: Label, tools: Tools
) -> Counted:
    arrays: Arrays = {COUNT: np.array(count, np.float64), STAMP: stamp.array(), **delta}
    for name, one in extra.items():
        arrays |= _named(EXTRA + name, one)
    return Counted(tools.disk.put([arrays_to_bytes(arrays)], label), float(count[0]))


def get_sent(ref: Ref, tools: Tools, like: Tensors | None = None) -> Sent:
    """Reads one; a compressed one takes weights that it is a change of.

    Raises Corrupt and ProtocolError for anything else, NotFound where it is not here.
    """
    arrays = arrays_of_bytes(tools.disk.get(ref))
    count, stamp, packed = arrays.pop(COUNT, None), arrays.pop(STAMP, None), arrays.pop(PACKED, None)
    if count is None or stamp is None or count.shape != (5,) or stamp.shape != (3,):
        raise Corrupt(f"blob {ref.digest[:12]} does not say what it counts for and was made for: it is no update")
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for name in sorted(arrays):
        part, _, rest = name.partition("|")
        if arrays[name].dtype != np.float32 or ":" not in rest:
            raise Corrupt(f"blob {ref.digest[:12]} holds {name[:40]!r} of {arrays[name].dtype}; updates are float32")
        parts.setdefault(part, {})[rest.partition(":")[2]] = arrays[name]
    delta = Tensors.of(parts.pop(DELTA, {}))
    if packed is not None:
        if like is None or delta.layout or packed.dtype != np.uint8 or packed.ndim != 1:
            raise Corrupt(f"blob {ref.digest[:12]} holds a compressed change where none can be; send it anew")
        delta = decode(packed.tobytes(), like)
    extra = {name.removeprefix(EXTRA): Tensors.of(part) for name, part in parts.items()}
    weight, steps, clients, loss, summed = (float(one) for one in count)
    known = None if np.isnan(loss) else loss
    return Sent(delta, extra, weight, steps, int(clients), known, tuple(map(int, stamp)), bool(summed))


def _named(part: str, tensors: Tensors) -> Arrays:
    return {f"{part}|{place:04d}:{name}": array for place, (name, array) in enumerate(tensors.items())}


def put_parts(parts: Mapping[str, Tensors], label: Label, tools: Tools) -> Ref | None:
    """Keeps several tensors of a model's layout by name: a client's memory, a step's state; None for nothing."""
    arrays = {name: array for part, one in parts.items() for name, array in _named(part, one).items()}
    return tools.disk.put([arrays_to_bytes(arrays)], label) if arrays else None


def get_parts(ref: Ref | None, tools: Tools) -> dict[str, Tensors]:
    """Reads what `put_parts` wrote. Raises Corrupt."""
    if ref is None:
        return {}
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in sorted(arrays_of_bytes(tools.disk.get(ref)).items()):
        part, _, rest = name.partition("|")
        parts.setdefault(part, {})[rest.partition(":")[2]] = array
    return {part: Tensors.of(one) for part, one in parts.items()}
