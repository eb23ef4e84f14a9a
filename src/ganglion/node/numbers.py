"""The next number of a job: one row of numbers for operators and for the fleet's own improvements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..core.codec import Codec
from ..core.ports import Disk
from ..core.process import Flow
from .journal import TABLE, Entry
from .loaded import RELEASES
from .tools import Tools

LEAST = "numbers"  # a table whose keys are numbers to begin at: after a backup was restored
NUMBERED = ("Job", "Round", "Improve", "Revert", "Train", "Buffer")  # flows that hold one


def next_number(disk: Disk, codec: Codec, handed: int = 0) -> int:
    """One more than any release, job or round has had; a job, its round and its release share a number.

    `handed`: the last one that this process gave away, whose flow may not be on the disk yet.
    """
    used = {handed, *(int(row.key) for row in disk.scan(RELEASES))}
    used |= {int(row.key) - 1 for row in disk.scan(LEAST)}
    for row in disk.scan(TABLE):
        if row.key.partition("/")[0] in NUMBERED:
            entry: Entry = codec.decode(row.data)
            if entry.event in ("Began", "Snapshot"):
                flow = codec.decode(entry.body)
                used.add(getattr(flow, "job", 0) or flow.number)  # a job's rounds count by themselves
    return max(used) + 1


def take_number(tools: Tools) -> int:
    """The next number, which nothing else in this process is given."""
    number: int = next_number(tools.disk, tools.codec, tools.loaded.get("number", 0))
    tools.loaded["number"] = number
    return number


def numbered(flow: Any, tools: Tools) -> Flow:
    """The flow itself, or, where it has the number 0, with the next one."""
    if type(flow).__name__ not in NUMBERED or flow.number != 0:
        return flow  # type: ignore[no-any-return]  # whatever an operator begins is a flow
    return replace(flow, number=take_number(tools))  # type: ignore[no-any-return]
