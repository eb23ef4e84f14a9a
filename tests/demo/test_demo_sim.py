"""The whole loop in the simulator: every invariant holds, and a seed decides every byte of the report."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ganglion.core.label import Tier, Zone
from ganglion.demo.fleet import CLOUD, DRIFTED
from ganglion.demo.invariants import INVARIANTS
from ganglion.demo.options import DemoOptions
from ganglion.demo.run import run_demo

pytestmark = pytest.mark.timeout(400)  # trains from nothing, on a machine that does other things
SMALL = {"samples": 120, "rate_hz": 20.0}


class Run(NamedTuple):
    """What a demo left behind."""

    code: int
    json: str
    html: str
    said: str

    @property
    def result(self) -> Any:
        return json.loads(self.json)

    @property
    def broken(self) -> list[str]:
        return [f"{one['name']}: {one['detail']}" for one in self.result["invariants"] if not one["holds"]]


def run(out: Path, cache: Path, **changed: Any) -> Run:
    """One demo in the simulator, as the command runs it."""
    said: list[str] = []
    options = DemoOptions(sim=True, out=out, cache=cache, **changed)
    code = run_demo(options, said.append, lambda result: None)
    return Run(code, (out / "demo.json").read_text(), (out / "demo.html").read_text(), "\n".join(said))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, remembered: Path) -> Run:
    return run(tmp_path_factory.mktemp("first"), remembered, seed=7)


@pytest.fixture(scope="module")
def withheld(tmp_path_factory: pytest.TempPathFactory, remembered: Path) -> Run:
    return run(tmp_path_factory.mktemp("withheld"), remembered, seed=8, declassify="none", **SMALL)


def test_every_invariant_holds_at_the_defaults(first: Run) -> None:
    assert first.broken == [] and first.code == 0
    assert [one["name"] for one in first.result["invariants"]] == [one.name for one in INVARIANTS]


def test_nothing_is_lost_or_answered_twice(first: Run) -> None:
    counts = first.result["counts"]
    assert counts["sent"] == counts["answered"] > 5_000
    assert counts["accepted"] == counts["delivered"] > 20
    assert all(counts[name] == 0 for name in ("lost", "duplicated", "undelivered", "delivered_twice"))
    assert first.result["privacy"]["violations"] == []


def test_the_loop_closed(first: Run) -> None:
    releases = first.result["releases"]
    assert [(one["kept"], one["bad"]) for one in releases] == [(True, False), (True, False), (False, True)]
    assert DRIFTED in releases[1]["trigger"]
    assert first.result["drift"]["accuracy"]["learnt_drifted"] > first.result["drift"]["accuracy"]["frozen_drifted"]
    assert [one["act"] for one in first.result["privacy"]["audit"]].count("declassify") >= 1


def test_answers_stay_within_reach_of_their_tier(first: Run) -> None:
    answers = first.result["privacy"]["answers"]
    assert sum(answers["user"][Zone.EDGE :]) == 0 < answers["user"][Zone.DEVICE]
    assert answers["edge"][Zone.CLOUD] == 0 < answers["edge"][Zone.EDGE]
    assert set(answers) == {tier.name.lower() for tier in Tier}


def test_the_same_seed_gives_the_same_bytes(first: Run, tmp_path: Path, remembered: Path) -> None:
    again = run(tmp_path, remembered, seed=7)
    assert again.json == first.json
    assert again.html == first.html


def test_the_report_does_not_tell_where_or_when_it_was_made(first: Run, tmp_path: Path, remembered: Path) -> None:
    machine = {socket.gethostname(), str(tmp_path.parent), str(remembered), str(Path.home()), str(Path.cwd())}
    year = re.compile(r"\b20[2-9]\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b")
    for text in (first.json, first.html):
        assert [word for word in machine if len(word) > 3 and word in text] == []
        assert not re.search(rf"\bpid\b|\b{os.getpid()}\b(?!\.)|/tmp/|/home/", text)
        assert year.search(text) is None
    assert "http://" not in first.html.replace("http://www.w3.org", "") and "https://" not in first.html


def test_another_seed_gives_another_run(first: Run, withheld: Run) -> None:
    """The two runs differ in more than their seed, but not before the world has changed."""
    accuracy = [result["releases"][0]["accuracy_clean"] for result in (first.result, withheld.result)]
    assert accuracy[0] != accuracy[1] and first.json != withheld.json and first.html != withheld.html


def test_without_a_declassifier_the_update_is_withheld(withheld: Run) -> None:
    """Exit code 1 with the reason in the result, for the loop could not close."""
    assert withheld.code == 1
    assert "no declassifier is declared" in withheld.result["withheld"]
    assert any(line.startswith("learned what changed") for line in withheld.broken)
    assert [one["counter"] for one in withheld.result["releases"] if one["kept"]] == [1]
    assert "no declassifier is declared" in withheld.html


def test_nothing_made_from_private_data_crossed_to_the_cloud_without_one(withheld: Run) -> None:
    privacy = withheld.result["privacy"]
    assert privacy["violations"] == [] and privacy["out_of_reach"] == 0
    assert privacy["tap"]["found_private"] == 0 < privacy["tap"]["private_windows"]
    assert privacy["tap"]["found_public"] > 0
    assert [one for one in privacy["audit"] if one["act"] == "declassify"] == []
    assert not {"private data stayed where it may be"} & {line.split(":")[0] for line in withheld.broken}


def test_links_are_counted(first: Run) -> None:
    links = {lower: (upper, up, down) for lower, upper, up, down in first.result["series"]["links"]}
    assert links[DRIFTED][0] == CLOUD and all(up > 0 and down > 0 for _, up, down in links.values())
