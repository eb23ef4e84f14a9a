"""The next number of a job: one row of numbers for operators and for the fleet's own improvements."""

from __future__ import annotations

from ..core.codec import Codec
from ..core.ports import Disk
from .journal import TABLE, Entry
from .loaded import RELEASES

NUMBERED = ("Job", "Round", "Improve", "Revert")  # flows that hold one


def next_number(disk: Disk, codec: Codec, handed: int = 0) -> int:
    """One more than any release, job or round has had; a job, its round and its release share a number.

    `handed`: the last one that this process gave away, whose flow may not be on the disk yet.
    """
    used = {handed, *(int(row.key) for row in disk.scan(RELEASES))}
    for row in disk.scan(TABLE):
        if row.key.partition("/")[0] in NUMBERED:
            entry: Entry = codec.decode(row.data)
            if entry.event in ("Began", "Snapshot"):
                used.add(codec.decode(entry.body).number)
    return max(used) + 1
