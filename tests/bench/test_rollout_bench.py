"""The roll-out bench's parts: each kept under a name of its own, and put together into the rows with their bars."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.bench.kept import Kept
from ganglion.bench.rollout import CHILD, run
from ganglion.bench.rollout_child import READS
from ganglion.bench.rollout_parts import Part, parts

SEED = 5


def made(part: Part) -> dict[str, object]:
    """What a part could have found, all well."""
    name = part.name
    if name.startswith("alarms"):
        return {"runs": 20, "back": 0, "kept_old": 1}
    if name.startswith("random"):
        return {"runs": 50, "wrong": []}
    if name.endswith("inputs"):
        return {"found": [120]}
    if name.endswith("swaps"):
        return {"what": name, "runs": 900, "failed": 0, "bar": "0", "ok": True}
    return {"what": name, "runs": 1, "held": 1, "bar": "all", "ok": True, "why": ""}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Every part measured already."""
    place = Kept("rollout", SEED, READS, tmp_path)
    for part in parts():
        place.put(part.name, made(part))
    return place


def test_parts_that_are_kept_are_not_measured_again(kept: Kept, tmp_path: Path) -> None:
    measured = run(False, SEED, tmp_path)
    assert measured["ok"]
    rows = {row["what"]: row for row in measured["rows"]}
    assert rows["power cut of any node at any moment"]["held"] == 200
    alarm = rows["good release (local) comes back, 0.1 of sites may say no"]
    assert (alarm["runs"], alarm["share"], alarm["sites kept old"], alarm["ok"]) == (40, 0.0, 2, True)
    assert sum("not played" in row.get("why", "") or row["runs"] == 0 for row in measured["rows"]) == 4


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("random cuts 3", {"runs": 50, "wrong": ["7, edge-1: 1 requests failed"]}),
        ("alarms better 0.1 1", {"runs": 20, "back": 9, "kept_old": 0}),
        ("live inputs", {"found": [-1]}),
        ("inputs", {"found": [100, 501]}),
    ],
)
def test_one_part_that_fails_misses_a_bar(kept: Kept, tmp_path: Path, name: str, wrong: dict[str, object]) -> None:
    kept.put(name, wrong)
    measured = run(False, SEED, tmp_path)
    assert not measured["ok"] and sum(row.get("ok") is False for row in measured["rows"]) == 1


def test_a_part_is_measured_by_a_process_of_its_own(tmp_path: Path) -> None:
    assert len({part.name for part in parts()}) == len(parts())
    name = "simulated labels swapped: comes back"
    command = [sys.executable, "-m", CHILD, name, str(SEED), str(tmp_path)]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})
    found = Kept("rollout", SEED, READS, tmp_path).get(name)
    assert found is not None and found["ok"] and found["held"] == found["runs"] == 3
