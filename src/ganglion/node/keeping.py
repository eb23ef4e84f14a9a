"""Work on what a node keeps: samples of its site, blobs on their way, examples made of labelled samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import arrays_of_bytes, arrays_to_bytes, examples_to_bytes
from ..core.errors import Corrupt, NotFound
from ..core.label import Form, Label, Tier
from ..core.ports import Drop, Put
from ..core.ref import Ref
from ..core.sample import Examples, to_input
from ..flow.deliver.messages import Store, Stored, Take
from ..flow.fetch.messages import Patch, Patched, Slice, Sliced
from ..flow.keep.messages import Gather, Gathered, Keep, KeptBatch
from .loaded import loaded
from .tools import Tools

KEPT = "kept"  # table


@dataclass(frozen=True)
class Batch:
    """A row of what is kept, with its tensors."""

    row: KeptBatch
    arrays: tuple[NDArray[Any], ...]


def store(work: Store, tools: Tools) -> Stored:
    """Held samples as one blob under their label; what has left memory already is left out.

    Their names are in it, so no other row can mean the same blob: it goes when the next node has it.
    """
    there = [(sample, x) for sample, x in work.samples if tools.tray.holds(x)]
    if not there:
        return Stored((), None)
    raw = arrays_to_bytes({f"{place:06d} {sample}": tools.tray.get(x) for place, (sample, x) in enumerate(there)})
    return Stored(tuple(sample for sample, _ in there), tools.disk.put([raw], there[0][1].label))


def take(work: Take, tools: Tools) -> None:
    """Keeps samples that came from below beside those of the site; once, however often it is asked for."""
    row = KeptBatch(tuple((sample, work.at_s) for sample in work.samples), work.x)
    if all(batch.row.x.digest != work.x.digest for batch in _kept(tools)):
        _keep(Batch(row, _unpacked(tools.disk.get(work.x))), tools)


def _packed(arrays: list[NDArray[Any]]) -> bytes:
    return arrays_to_bytes({f"{row:06d}": array for row, array in enumerate(arrays)})


def _unpacked(raw: bytes) -> tuple[NDArray[Any], ...]:
    arrays = arrays_of_bytes(raw)
    return tuple(arrays[name] for name in sorted(arrays))


def keep(work: Keep, tools: Tools) -> None:
    """Keeps samples of the site."""
    there = [(sample, x, at_s) for sample, x, at_s in work.samples if tools.tray.holds(x)]
    if not there:
        return
    arrays = tuple(tools.tray.get(x) for _, x, _ in there)
    label = Label(Tier(max(x.label.tier for _, x, _ in there)), Form.RAW)
    row = KeptBatch(tuple((sample, at_s) for sample, _, at_s in there), tools.disk.put([_packed(list(arrays))], label))
    _keep(Batch(row, arrays), tools)


def _keep(batch: Batch, tools: Tools) -> None:
    """In one write; beyond the quota the oldest go."""
    kept, row = _kept(tools), batch.row
    kept.append(batch)
    changes: list[Put | Drop] = [Put(KEPT, row.x.digest, tools.codec.encode(row), replace=True)]
    gone: list[Ref] = []
    while sum(len(batch.arrays) for batch in kept) > tools.policy.kept_samples:
        gone.append(kept.pop(0).row.x)
        changes.append(Drop(KEPT, gone[-1].digest))

    def written() -> None:  # a row must not outlive its blob
        for ref in gone:
            tools.disk.drop(ref)

    tools.disk.commit(changes, written)


def _kept(tools: Tools) -> list[Batch]:
    """What is kept, oldest first; read from disk once in a node's life."""
    if KEPT not in tools.loaded:
        rows: list[KeptBatch] = [tools.codec.decode(row.data) for row in tools.disk.scan(KEPT)]
        tools.loaded[KEPT] = [Batch(row, _unpacked(tools.disk.get(row.x))) for row in rows if tools.disk.has(row.x)]
    kept: list[Batch] = tools.loaded[KEPT]
    return kept


def gather(work: Gather, tools: Tools) -> Gathered:
    """Examples of the latest kept samples that the on-site source has labelled by now."""
    ready = loaded(tools, 0)
    if tools.labels is None or ready is None:
        return Gathered(0, None)
    rows: list[tuple[NDArray[Any], int, Tier]] = []
    for batch in _kept(tools):
        for (sample, at_s), x in zip(batch.row.samples, batch.arrays, strict=True):
            known = work.since_s <= at_s <= work.now_s - tools.policy.label_delay_s
            y = tools.labels(sample) if known else None
            if y is not None:
                rows.append((x, y, batch.row.x.label.tier))
    if len(rows) < max(work.wanted, 1):
        return Gathered(len(rows), None)
    rows = rows[-max(work.wanted, tools.policy.wanted_labels) :]
    tier = max(tier for _, _, tier in rows)
    x = np.stack([to_input(x, ready.release.scale) for x, _, _ in rows])
    examples = Examples(x, np.array([y for _, y, _ in rows], np.int64), tier)
    return Gathered(len(rows), tools.disk.put([examples_to_bytes(examples)], Label(tier, Form.RAW)))


def slice_blob(work: Slice, tools: Tools) -> Sliced:
    """Bytes of a blob, held so that they can travel attached.

    What a neighbour asks for goes under the label that it is kept under here: knowing a digest makes nothing public.
    What a flow of this node sends goes under that flow's: the same bytes may have been kept before a consent to share.
    """
    if not tools.disk.has(work.ref):
        raise NotFound(f"blob {work.ref.digest[:12]} is not here")
    raw = tools.disk.get(work.ref, work.start, work.size)
    kept, said = tools.disk.label(work.ref), work.ref.label
    label = kept if work.asked and kept.tier is not Tier.PUBLIC and kept.tier >= said.tier else said
    name = f"slice/{work.ref.digest}/{work.start}"
    return Sliced(tools.tray.put(name, np.frombuffer(raw, np.uint8), label))


def patch_blob(work: Patch, tools: Tools) -> Patched:
    """Adds held bytes to a blob."""
    if work.data is None:
        return Patched(tools.disk.patch(work.ref, 0, b""))
    if work.data.label != work.ref.label:
        raise Corrupt(f"a piece of blob {work.ref.digest[:12]} has another label than the blob; it was thrown away")
    return Patched(tools.disk.patch(work.ref, work.start, tools.tray.get(work.data).tobytes()))
