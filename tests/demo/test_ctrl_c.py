"""Ctrl-C in every phase of the live demo: exit code 130, no traceback, no process left, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(600)]
PHASES = (
    "making the authority",
    "starting 6 nodes",
    "first release",
    "compare ways to serve",
    "the world of one site changes",
    "a bad release",
    "cut link, killed edge",
    "measure",
)


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if str(folder) in line:
                found.append(line)
    return found


def heed() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C; a terminal does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("phase", PHASES)
def test_an_interrupt_leaves_nothing_behind(phase: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "ganglion", "demo", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed,
    ) as demo:
        assert demo.stdout is not None
        said = []
        for line in demo.stdout:
            said.append(line)
            if line.strip().startswith(phase):
                os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to the whole group
                break
        else:
            pytest.fail(f"the demo ended before {phase!r}:\n" + "".join(said))
        rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert processes_of(tmp_path) == []
