"""Every numbered example runs as it is, in order and short enough to read; the example project needs no more."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.cli import app
from ganglion.core.errors import NotFound
from ganglion.core.label import Zone
from ganglion.project import resolve

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NUMBERED = sorted(EXAMPLES.glob("[0-9][0-9]_*.py"))
SAID = {  # what each must come to; a number is checked for its least
    "01_answer_at_the_edge": r"all together: (9\d\.\d)% right",
    "02_where_to_run": r"fibre to the cloud: .*\n.*edge.*\n.*cloud: segments 2 to 2",
    "03_a_round": r"FedAvg: 8\d\.\d% right.*\nFedProx.*\nalone: 3\d\.\d% right",
    "04_what_may_leave": r"edge .*update: edge.*[\s\S]*may not enter the cloud[\s\S]*epsilon 1\.99[\s\S]*it may pass",
    "05_has_it_changed": r"Cusum: alarm \d+ samples after the change\nPageHinkley: alarm \d+ samples",
    "06_the_whole_way": r"release 1 is out\n100 samples answered: .*(9\d\.\d)% right",
}
trains = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("sklearn") is None,
    reason="examples that train need torch and scikit-learn: pip install 'ganglion[train]'",
)


def test_they_are_numbered_without_a_gap_and_all_are_run() -> None:
    assert [path.name[:2] for path in NUMBERED] == [f"{number:02d}" for number in range(1, len(NUMBERED) + 1)]
    assert {path.stem for path in NUMBERED} == set(SAID)


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_each_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 80


@trains
@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_each_runs_and_says_what_it_should(path: Path) -> None:
    seen = subprocess.run(
        [sys.executable, "-W", "error", str(path)], capture_output=True, text=True, timeout=150, check=False
    )
    assert (seen.returncode, seen.stderr) == (0, "")
    assert re.search(SAID[path.stem], seen.stdout), seen.stdout


def test_without_its_data_the_project_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANGLION_DATA", str(tmp_path))
    with pytest.raises(NotFound, match="set GANGLION_DATA"):
        resolve(str(EXAMPLES / "har")).project.examples("train")


@trains
@pytest.mark.slow
def test_a_project_with_other_data_and_another_kind_of_model_runs(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (data / "har-phone-watch").is_dir():
        pytest.skip(f"no har-phone-watch in {data}; the other data sets are not for this example")
    monkeypatch.setenv("GANGLION_DATA", str(data))
    app(["up", str(EXAMPLES / "har"), "--sim", "--samples", "60", "-o", "json"], standalone_mode=False)
    result = json.loads(capsys.readouterr().out)
    assert result["answered"] == 240
    assert result["accuracy"] >= 0.6 and result["calibration_accuracy_exit_1"] >= 0.75
    assert sum(result[f"share_{zone.name.lower()}"] for zone in Zone) == pytest.approx(1.0)
