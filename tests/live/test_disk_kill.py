"""kill -9 at any instant: every row that was acknowledged is there afterwards, whole and in order.

Run as a program, this file gives birth to the victims: they commit in a loop and say on stdout what was told.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

from ganglion.core.ports import Put
from ganglion.live.disk import LiveDisk

KILLS = 24
PARTS = 3  # rows of one commit


def commit_for_ever(folder: Path) -> None:
    """Some commits in flight at a time; each is said on stdout, in one write, once it is told."""
    room = threading.Semaphore(100)

    def say(number: int) -> None:
        os.write(1, b"%d\n" % number)
        room.release()

    disk = LiveDisk(folder, None, lambda call: call())
    number = sum(1 for row in disk.scan("t")) // PARTS
    while True:
        changes = [Put("t", f"{number}/{part}", os.urandom(8) * (number % 60)) for part in range(PARTS)]
        room.acquire()
        disk.commit(changes, partial(say, number))
        number += 1


def be_born_again(folder: Path) -> None:
    """A life per line on stdin: says who lives it, and when it has ended."""
    while sys.stdin.readline():
        victim = os.fork()
        if victim == 0:
            commit_for_ever(folder)
        os.write(1, b"lives %d\n" % victim)
        os.waitpid(victim, 0)
        os.write(1, b"ended\n")


def live_and_die(lives: subprocess.Popen[bytes], acknowledgements: int) -> int:
    """One life, killed after so many acknowledgements; the last one that was said."""
    assert lives.stdin is not None and lives.stdout is not None
    lives.stdin.write(b"\n")
    lives.stdin.flush()
    last, victim, left = -1, 0, acknowledgements
    while (line := lives.stdout.readline().strip()) != b"ended":
        if line.startswith(b"lives"):
            victim = int(line.split()[1])
        else:
            last = max(last, int(line))
            left -= 1
        if left <= 0 and victim > 0:
            os.kill(victim, signal.SIGKILL)
            victim = -1
    return last


def test_acknowledged_rows_outlive_kill_9(tmp_path: Path) -> None:
    dice, acknowledged, incarnations = random.Random(3), -1, set()
    with subprocess.Popen(
        [sys.executable, __file__, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as lives:
        for _ in range(KILLS):
            acknowledged = max(acknowledged, live_and_die(lives, dice.randrange(1, 120)))
            disk = LiveDisk(tmp_path, None, lambda call: call())
            keys = [row.key for row in disk.scan("t")]
            incarnations.add(disk.incarnation)
            disk.close()
            assert keys == [f"{number}/{part}" for number in range(len(keys) // PARTS) for part in range(PARTS)]
            assert len(keys) >= (acknowledged + 1) * PARTS, "an acknowledged commit was lost"
        assert acknowledged >= KILLS and len(incarnations) == 1


if __name__ == "__main__":
    be_born_again(Path(sys.argv[1]))
