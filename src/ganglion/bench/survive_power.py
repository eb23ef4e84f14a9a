"""Power cuts under a node's database: what a commit has told is there afterwards, whole, in order, and nothing is torn.

The rows are those of every live node (`live/disk/rows`), the database is the real SQLite, the platter is simulated.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.random import Generator

from ..core.errors import GanglionError, NotFound
from ..core.ports import Change, Drop, Put
from ..core.rng import stream
from ..live.disk.rows import Rows
from .survive_disk import FailingDisk

TABLE, NAME = "t", "state.db"
PARTS = 2  # rows of a commit
STAYS = 24  # commits that are in the table at a time: an outbox that is emptied from the front
MOST_BYTES = 800  # of a row
COMMITS = 10  # most of a life
OPERATIONS = 100  # most until the power goes
Result = dict[str, Any]


@dataclass
class Tally:
    """What came of it."""

    cuts: int = 0
    commits: int = 0  # told before their power cut
    lost: int = 0
    torn: int = 0
    why: list[str] = field(default_factory=list)


def rows(cuts: int, seed: int) -> list[Result]:
    """FULL must lose nothing; NORMAL must be seen to lose, or this bench sees nothing."""
    try:
        made = [_tally(cuts, seed, ""), _tally(max(cuts // 20, 50), seed, "NORMAL")]
    except NotFound as error:
        return [{"what": "power cuts, SQLite", "why": str(error)}]
    found = []
    for tally, mode in zip(made, ("FULL", "NORMAL"), strict=True):
        full = mode == "FULL"
        ok = not (tally.lost or tally.torn) if full else tally.lost > 0
        found.append(
            {
                "what": f"power cuts under SQLite, synchronous = {mode}{'' if full else ' (planted)'}",
                "runs": tally.cuts,
                "messages": tally.commits,
                "lost": tally.lost,
                "torn": tally.torn,
                "bar": "0 lost, 0 torn" if full else "loses: the bench would notice",
                "ok": ok and tally.cuts > 0,
                "why": " | ".join(tally.why[:2]) if full else "",
            }
        )
    return [*found, _pragmas()]


def _tally(cuts: int, seed: int, mode: str) -> Tally:
    """So many lives, each going on from what the last one's power cut has left."""
    tally, rng = Tally(), stream(seed, "power", mode)
    with tempfile.TemporaryDirectory(prefix="ganglion-power-") as name, FailingDisk() as disk:
        folder = Path(name)
        while tally.cuts < cuts:
            disk.begin(int(rng.integers(1, OPERATIONS)), rng)
            try:
                _live(folder, tally, (disk, rng, mode))
            except GanglionError as error:
                tally.torn += 1
                tally.why.append(str(error))
                disk.image, disk.at_cut = {}, -1  # nobody can read it: from the beginning
            if disk.image is not None:  # else it ended before its time
                _restore(folder, disk.image)
                tally.cuts += 1
                disk.acknowledged = disk.at_cut
    return tally


def _live(folder: Path, tally: Tally, how: tuple[FailingDisk, Generator, str]) -> None:
    """Opens what is left, judges it, and makes some commits as the node's writer does, until the power goes."""
    disk, rng, mode = how
    rows = Rows(folder / NAME)
    try:
        if mode:
            rows._writer.execute(f"PRAGMA synchronous = {mode}")  # what must not be
        last = disk.acknowledged = _judge(rows, disk.acknowledged, tally)
        for number in range(last + 1, last + 1 + int(rng.integers(1, COMMITS))):
            if disk.image is not None:
                return
            rows.apply([_changes(number, rng)])
            disk.acknowledged = number
            tally.commits += disk.image is None
    finally:
        rows.close()


def _changes(number: int, rng: Generator) -> list[Change]:
    sizes = rng.integers(0, MOST_BYTES, PARTS)
    put = [Put(TABLE, f"{number}/{part}", _data(number, part, int(size))) for part, size in enumerate(sizes)]
    return [*put, *(Drop(TABLE, f"{number - STAYS}/{part}") for part in range(PARTS))]


def _data(number: int, part: int, size: int) -> bytes:
    head = f"{number}/{part}/{size} ".encode()
    return (head * (size // len(head) + 1))[: max(size, len(head))]


def _restore(folder: Path, image: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, data in image.items():
        Path(name).write_bytes(data)


def _judge(rows: Rows, told: int, tally: Tally) -> int:
    """What is there against what was told; the last commit that is there."""
    found = [(row.key, row.data) for row in rows.scan(TABLE, 0)]
    last = int(found[-1][0].split("/")[0]) if found else -1
    keys = [f"{one}/{part}" for one in range(max(last - STAYS + 1, 0), last + 1) for part in range(PARTS)]
    whole = all(data == _data(*map(int, data.split(b" ")[0].split(b"/"))) for _, data in found)
    if [key for key, _ in found] != keys or not whole:
        tally.torn += 1
        tally.why.append(f"rows {[key for key, _ in found]}")
    if last < told:
        tally.lost += told - last
        tally.why.append(f"commit {told} was told, {last} is the last one there")
    return last


def _pragmas() -> Result:
    """What the node's own database is opened with, read back."""
    with tempfile.TemporaryDirectory(prefix="ganglion-power-") as name:
        rows = Rows(Path(name) / NAME)
        asked = {
            pragma: rows._writer.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in ("synchronous", "journal_mode")
        }
        rows.close()
    ok = asked == {"synchronous": 2, "journal_mode": "wal"}
    return {
        "what": "SQLite says of itself",
        "bar": "synchronous 2 (FULL), journal_mode wal",
        "ok": ok,
        "why": str(asked),
    }
