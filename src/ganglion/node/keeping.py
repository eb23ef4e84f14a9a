"""Work on what a node keeps: samples of its site, blobs on their way, examples made of labelled samples."""

from __future__ import annotations

import numpy as np

from ..core.blob import arrays_of_bytes, arrays_to_bytes, examples_to_bytes
from ..core.errors import Corrupt, NotFound
from ..core.label import Form, Label, Tier
from ..core.ports import Drop, Put
from ..core.sample import Examples, to_input
from ..flow.deliver.messages import Store, Stored
from ..flow.fetch.messages import Patch, Patched, Slice, Sliced
from ..flow.keep.messages import Gather, Gathered, Keep, KeptSample
from .loaded import loaded
from .tools import Tools

KEPT = "kept"  # table


def store(work: Store, tools: Tools) -> Stored:
    """A held sample as a blob under its label."""
    raw = arrays_to_bytes({"x": tools.tray.get(work.x)})
    return Stored(work.sample, tools.disk.put([raw], work.x.label))


def keep(work: Keep, tools: Tools) -> None:
    """Keeps a sample of the site; beyond the quota the oldest goes."""
    raw = arrays_to_bytes({"x": tools.tray.get(work.x)})
    ref = tools.disk.put([raw], work.x.label)
    kept: dict[str, KeptSample] = _kept(tools)
    kept[work.sample] = KeptSample(work.sample, ref, work.at_s)
    changes: list[Put | Drop] = [Put(KEPT, work.sample, tools.codec.encode(kept[work.sample]), replace=True)]
    while len(kept) > tools.policy.kept_samples:
        oldest = next(iter(kept))
        gone = kept.pop(oldest)
        if all(other.x.digest != gone.x.digest for other in kept.values()):
            tools.disk.drop(gone.x)
        changes.append(Drop(KEPT, oldest))
    tools.disk.commit(changes, lambda: None)


def _kept(tools: Tools) -> dict[str, KeptSample]:
    if KEPT not in tools.loaded:
        rows = (tools.codec.decode(row.data) for row in tools.disk.scan(KEPT))
        tools.loaded[KEPT] = {row.sample: row for row in rows}
    kept: dict[str, KeptSample] = tools.loaded[KEPT]
    return kept


def gather(work: Gather, tools: Tools) -> Gathered:
    """Examples of the latest kept samples that the on-site source has labelled by now."""
    ready = loaded(tools, 0)
    if tools.labels is None or ready is None:
        return Gathered(0, None)
    rows = []
    for kept in _kept(tools).values():
        known = kept.at_s + tools.policy.label_delay_s <= work.now_s
        y = tools.labels(kept.sample) if known and kept.at_s >= work.since_s else None
        if y is not None:
            rows.append((kept, y))
    if len(rows) < max(work.wanted, 1):
        return Gathered(len(rows), None)
    rows = rows[-max(work.wanted, tools.policy.wanted_labels) :]
    xs = [to_input(arrays_of_bytes(tools.disk.get(kept.x))["x"], ready.release.scale) for kept, _ in rows]
    tier = Tier(max(kept.x.label.tier for kept, _ in rows))
    examples = Examples(np.stack(xs), np.array([y for _, y in rows], np.int64), tier)
    return Gathered(len(rows), tools.disk.put([examples_to_bytes(examples)], Label(tier, Form.RAW)))


def slice_blob(work: Slice, tools: Tools) -> Sliced:
    """Bytes of a blob, held so that they can travel attached."""
    if not tools.disk.has(work.ref):
        raise NotFound(f"blob {work.ref.digest[:12]} is not here")
    raw = tools.disk.get(work.ref, work.start, work.size)
    name = f"slice/{work.ref.digest}/{work.start}"
    return Sliced(tools.tray.put(name, np.frombuffer(raw, np.uint8), work.ref.label))


def patch_blob(work: Patch, tools: Tools) -> Patched:
    """Adds held bytes to a blob."""
    if work.data is None:
        return Patched(tools.disk.patch(work.ref, 0, b""))
    if work.data.label != work.ref.label:
        raise Corrupt(f"a piece of blob {work.ref.digest[:12]} has another label than the blob; it was thrown away")
    return Patched(tools.disk.patch(work.ref, work.start, tools.tray.get(work.data).tobytes()))
