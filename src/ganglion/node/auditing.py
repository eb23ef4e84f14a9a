"""Work on the audit log: each entry carries the digest of the one before."""

from __future__ import annotations

from ..core.codec import Codec
from ..core.ports import Disk, Put
from ..flow.audit.messages import Log
from ..protect import Entry, entry, verify_chain
from .tools import Tools

AUDIT = "audit"  # table


def write(work: Log, tools: Tools) -> None:
    """Appends an act; the same act at the same time is written once, so that asking again after a crash is safe."""
    record = tools.codec.encode(work)
    last: Entry | None = tools.loaded.get(AUDIT)
    if last is None:
        last = next(reversed(read(tools.disk, tools.codec)), None)
    if last is not None and last.record == record:
        return
    made = entry(last, record)
    tools.loaded[AUDIT] = made
    tools.disk.commit([Put(AUDIT, str(made.number), tools.codec.encode(made), replace=True)], lambda: None)


def read(disk: Disk, codec: Codec) -> list[Entry]:
    """The log, checked. Raises Corrupt where it was changed."""
    entries: list[Entry] = [codec.decode(row.data) for row in disk.scan(AUDIT)]
    verify_chain(entries)
    return entries
