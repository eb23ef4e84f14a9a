"""Every invariant is violated on purpose by somebody, and the demo notices: it ends with exit code 1 and says which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganglion.core.errors import ConfigError
from ganglion.demo.invariants import INVARIANTS
from ganglion.demo.options import DemoOptions
from ganglion.demo.plant import PLANTS
from ganglion.demo.run import run_demo

pytestmark = pytest.mark.timeout(300)  # the first one trains from nothing

VIOLATES = {
    "any-plan": "as right as the best single choice",
    "bad-kept": "bad release rolled back",
    "blind-tap": "the privacy search can find something",
    "chatty": "fewer bytes than cloud-only",
    "false-alarm": "drift noticed in time, and only then",
    "forgotten-model": "every sample got an answer",
    "good-refused": "good releases kept",
    "lost": "no sample lost or answered twice",
    "mislabelled": "private data stayed where it may be",
    "no-replay": "forgot little",
    "out-of-reach": "private data stayed where it may be",
    "slow-wifi": "faster than cloud-only",
    "twice": "no sample lost or answered twice",
    "undelivered": "every accepted hard sample delivered once",
    "wrong-labels": "learned what changed",
}


def run(out: Path, cache: Path, plant: str) -> tuple[int, dict[str, str]]:
    """Exit code, and what did not hold with what was seen of it."""
    options = DemoOptions(
        sim=True, seed=3, out=out, cache=cache, plant=plant, samples=400 if plant == "any-plan" else 120, rate_hz=20.0
    )
    code = run_demo(options, lambda step: None, lambda result: None)
    result: dict[str, Any] = json.loads((out / "demo.json").read_text())
    return code, {one["name"]: one["detail"] for one in result["invariants"] if not one["holds"]}


def test_the_same_run_without_a_plant_holds_everything(tmp_path: Path, remembered: Path) -> None:
    assert run(tmp_path, remembered, "") == (0, {})


# each is a whole run of the loop: three of them in every test run, all of them by `make slow`
ALWAYS = ("lost", "mislabelled", "undelivered")
NAMES = [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in sorted(PLANTS)]


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_violation_is_noticed(name: str, tmp_path: Path, remembered: Path) -> None:
    code, broken = run(tmp_path, remembered, name)
    assert code == 1
    assert VIOLATES[name] in broken, f"{name} was planted, and noticed was only {broken}"


def test_every_plant_is_here_and_every_invariant_is_violated_by_one() -> None:
    assert set(VIOLATES) == set(PLANTS)
    assert set(VIOLATES.values()) == {one.name for one in INVARIANTS}


def test_a_plant_that_nobody_knows_is_refused(tmp_path: Path, remembered: Path) -> None:
    with pytest.raises(ConfigError, match="no violation 'weeds' can be planted"):
        run(tmp_path, remembered, "weeds")


def test_nothing_is_planted_in_a_live_run(tmp_path: Path) -> None:
    options = DemoOptions(out=tmp_path, plant="lost")
    with pytest.raises(ConfigError, match="only be planted in the simulator"):
        run_demo(options, lambda step: None, lambda result: None)
