"""A full disk is said clearly, spoils nothing, and is gone when there is space again.

Run as a program on a small file system of its own, this file fills it and reports what happened as JSON.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganglion.core.errors import GanglionError
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.ports import Put
from ganglion.core.ref import Ref, digest_of
from ganglion.live.disk import LiveDisk

ROW = bytes(50_000)
SMALL = """
mount -t tmpfs -o size=4m none "$1" || exit 77
shift
exec "$@"
"""


def fill_and_recover(folder: Path) -> dict[str, Any]:
    """Fills the disk with rows and blobs, makes room, and reads everything again."""
    calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    told: list[int] = []
    failures: list[str] = []
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    disk = LiveDisk(folder / "node", None, calls.put, failures.append)
    asked = 0
    while not failures:
        disk.commit([Put("t", str(asked), ROW)], lambda number=asked: told.append(number))  # type: ignore[misc]
        asked += 1
        calls.get(timeout=10)()
    before = len(told)
    readable = len(list(disk.scan("t")))
    blob, arriving, errors = bytes(range(256)) * 8000, bytes(reversed(range(256))) * 8000, []
    coming = Ref(digest_of(arriving), len(arriving), PUBLIC_RAW)
    for attempt in (lambda: disk.put([blob], PUBLIC_RAW), lambda: disk.patch(coming, 0, arriving)):
        try:
            attempt()
        except GanglionError as error:
            errors.append(str(error))
    left = [path.name for path in (folder / "node" / "arriving").iterdir() if path.stat().st_size]
    ballast.unlink()
    until_s = time.monotonic() + 10
    while len(told) < asked and time.monotonic() < until_s:
        calls.get(timeout=10)()
    if len(told) == asked:
        shutil.rmtree(folder / "node" / "blobs")  # only to have room for the next blob
    disk.close()
    disk = LiveDisk(folder / "node", None, calls.put)
    keys = [int(row.key) for row in disk.scan("t") if row.data == ROW]
    small = disk.put([blob[:1000]], PUBLIC_RAW)
    held = disk.patch(coming, 0, arriving[:1000])
    return {
        "asked": asked, "before": before, "told": told, "readable": readable, "keys": keys, "failures": failures,
        "errors": errors, "left": left, "blob": disk.get(small) == blob[:1000], "held": held,
    }  # fmt: skip


def test_a_full_disk_waits_and_recovers(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("needs `unshare` to mount a small file system")
    command = ["unshare", "-Urm", "sh", "-c", SMALL, "sh", str(small), sys.executable, __file__, str(small)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if child.returncode == 77 or "unshare" in child.stderr:
        pytest.skip(f"this machine does not let us mount a small file system: {child.stderr.strip()}")
    assert child.returncode == 0, child.stderr
    saw = json.loads(child.stdout)
    assert 0 < saw["before"] < saw["asked"] and saw["readable"] == saw["before"], "told before it was written"
    assert saw["told"] == saw["keys"] == list(range(saw["asked"])), "everything is written once there is space"
    (failure,) = saw["failures"]
    assert len(saw["errors"]) == 2
    for message in (failure, *saw["errors"]):
        assert "is full" in message and str(small) in message and "bytes free" in message and "free some" in message
    assert saw["left"] == [] and saw["blob"] and saw["held"] == 1000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill_and_recover(Path(sys.argv[1]))))
