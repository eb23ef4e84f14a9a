"""Runs in folders: listed, told, stopped and resumed to the bytes of an unbroken run, compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner, Result

from ganglion.cli import app
from ganglion.core.errors import ConfigError, Corrupt, NotFound
from ganglion.train import Stop
from ganglion.train.runs import LOCK, STOP, opened, read_run, runs_below

JOB = """
seed = 3
workers = 0
[data]
source = "npz"
path = "digits.npz"
[clients]
clients = 6
[model]
hidden = [16]
[method]
cohort = 4
rate = 0.2
batch = 10
[stop]
rounds = {rounds}
every = 3
[compress]
name = "{compress}"
"""


def job(folder: Path, rounds: int = 8, compress: str = "sign") -> Path:
    x, y = load_digits(return_X_y=True)
    np.savez(folder / "digits.npz", x=(x / 16).astype(np.float32)[:400], y=y[:400])
    file = folder / f"{compress}.toml"
    file.write_text(JOB.format(rounds=rounds, compress=compress), "utf-8")
    return file


def ask(*words: str | Path) -> Result:
    found = CliRunner().invoke(app, [str(word) for word in words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def test_a_stopped_run_is_resumed_to_the_bytes_of_an_unbroken_one(tmp_path: Path) -> None:
    file, whole, broken = job(tmp_path, 400), tmp_path / "whole", tmp_path / "broken"
    words = [sys.executable, "-m", "ganglion", "train", str(file), "--out", str(broken)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("round 1/400")
        assert read_run(broken).state == "running"
        with pytest.raises(ConfigError, match="at work in"):
            ask("train", file, "--out", broken)
        assert "ends after its round" in ask("job", "stop", broken).stderr
        assert "stopped;" in process.stderr.read()
    stopped = read_run(broken)
    assert process.returncode == 0 and stopped.state == "stopped" and 1 <= len(stopped.rounds) < 400
    assert (broken / "weights.safetensors").exists()
    ask("job", "resume", broken)
    ask("train", file, "--out", whole)
    one, other = read_run(whole), read_run(broken)
    assert (one.weights, one.state) == (other.weights, "400 rounds played") and one.weights != stopped.weights
    assert [played.up_bytes for played in one.rounds] == [played.up_bytes for played in other.rounds]


def test_runs_are_listed_told_and_compared(tmp_path: Path) -> None:
    raw, few = tmp_path / "a" / "raw", tmp_path / "few"
    for folder, compress in ((raw, "none"), (few, "sign")):
        ask("train", job(tmp_path, 8, compress), "--out", folder)
    listed = json.loads(ask("job", "ls", tmp_path, "-o", "json").stdout)
    assert [row["run"] for row in listed] == [str(raw), str(few)] and listed[0]["round"] == listed[0]["of"] == 8
    assert listed[0]["up_MB"] > 15 * listed[1]["up_MB"] and listed[0]["down_MB"] == listed[1]["down_MB"]
    told = json.loads(ask("job", "show", few, "-o", "json").stdout)
    assert (
        told["weights"] == read_run(few).weights and told["best"] >= told["accuracy"] and told["in_round"] % 3 in (0, 2)
    )
    lines = ask("job", "log", few, "--last", "2").stdout.splitlines()
    assert len(lines) == 2 and lines[-1].startswith("round 8/8") and "MB up" in lines[-1]
    page = tmp_path / "page.html"
    found = ask("job", "compare", raw, few, "--page", page, "--target", "0.01", "-o", "json")
    assert [row["rounds_to"] for row in json.loads(found.stdout)] == [3, 3]
    drawn = page.read_text("utf-8")
    assert drawn.count("<svg") == 2 and drawn.count("<polyline") == 4 and drawn.count(str(few)) == 4
    never = json.loads(ask("job", "compare", raw, "--page", page, "--target", "1", "-o", "json").stdout)
    assert never[0]["rounds_to"] is None


def test_what_is_not_there_or_damaged_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no run in"):
        ask("job", "show", tmp_path)
    with pytest.raises(NotFound, match="no folder"):
        ask("job", "ls", tmp_path / "none")
    assert "no run in" in ask("job", "ls", tmp_path).stderr
    file = job(tmp_path, 2)
    with opened(tmp_path / "out", file, Stop(2)):
        (tmp_path / "out" / STOP).touch()
    with pytest.raises(NotFound, match="interrupted"):
        ask("job", "stop", tmp_path / "out")
    with opened(tmp_path / "out", file, Stop(2)):
        assert not (tmp_path / "out" / STOP).exists(), "an old wish must not end a new run"
        assert read_run(tmp_path / "out").running
    assert not read_run(tmp_path / "out").running and (tmp_path / "out" / LOCK).exists()
    (tmp_path / "out" / "run.json").write_text("{}", "utf-8")
    with pytest.raises(Corrupt, match="damaged"):
        runs_below(tmp_path)
