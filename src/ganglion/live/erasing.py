"""Erases what a node keeps of one tier: its key first, so that no copy of the sealed files opens anywhere, then those.

A backup that holds the node's folder holds the key too: whoever erases has to destroy such backups as well.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from pathlib import Path

from ..core.codec import Codec
from ..core.errors import Corrupt, Refused
from ..core.facts import Audited
from ..core.label import Tier
from ..core.ports import Put
from ..flow.audit.messages import Log
from ..node.auditing import AUDIT, read
from ..protect import entry
from .agent_file import STATE
from .disk.disk import LiveDisk
from .disk.forms import Sealed, label_in
from .disk.listing import ARRIVING, BLOBS, turn
from .identity.vault import LocalVault

COMMIT_S = 10.0


@dataclass(frozen=True)
class Erased:
    """What is gone."""

    key: bool  # there was one
    files: int
    size_bytes: int


def erase(home: Path, tier: Tier, who: str, codec: Codec) -> Erased:
    """Destroys the tier's key and every file sealed under it, and notes it in the audit log; the node must not run.

    Raises ConfigError where it runs, Refused for what is public: that is not sealed, and others have it too.
    """
    if tier is Tier.PUBLIC:
        raise Refused("public data is not sealed and lies on other nodes too; erase user, edge or derived")
    vault, calls = LocalVault(home), queue.SimpleQueue[object]()
    disk = LiveDisk(home / STATE, vault, calls.put)  # takes the folder's lock: a running node holds it
    try:
        erased = Erased(vault.destroy(tier), *_remove(home / STATE, tier))
        act = Audited("erased", f"tier {tier.name.lower()}: {erased.files} blobs", who)
        last = next(reversed(read(disk, codec)), None)
        made = entry(last, codec.encode(Log(act, time.monotonic())))
        disk.commit([Put(AUDIT, str(made.number), codec.encode(made), replace=True)], lambda: None)
        calls.get(timeout=COMMIT_S)
    finally:
        disk.close()
    return erased


def _remove(state: Path, tier: Tier) -> tuple[int, int]:
    """Sealed files of that tier, whole ones and those that were arriving: how many, and their bytes."""
    found = [*(state / BLOBS).glob(f"??/*{Sealed.suffix}*"), *(state / ARRIVING).glob(f"*{Sealed.suffix}")]
    count = size_bytes = 0
    with turn(state):
        for path in found:
            if _tier_of(path) == tier:
                count, size_bytes = count + 1, size_bytes + path.stat().st_size
                path.unlink()
    return count, size_bytes


def _tier_of(path: Path) -> Tier | None:
    try:
        with open(path, "rb") as file:
            return label_in(file).tier
    except Corrupt:
        return None
