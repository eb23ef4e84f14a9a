"""A bench's result is shown, kept with its circumstances, held against its bars, and put on the page."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganglion.cli import app
from ganglion.cli.bench import _run, names
from ganglion.cli.results import keep, rows_of, write_page
from ganglion.core.errors import ConfigError, GanglionError, NotFound
from ganglion.project import code_digest

ROWS = [{"size": "100 B", "ratio": 2.5, "ok": True}, {"size": "4 MB", "ratio": 7.0, "ok": False}]


@pytest.fixture
def planted() -> Iterator[str]:
    """A bench that misses a bar, as a module of its own."""
    module = types.ModuleType("ganglion.bench.planted")

    def run(quick: bool, seed: int) -> dict[str, Any]:
        return {"rows": ROWS[:1] if quick else ROWS, "seed": seed}

    module.run = run  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield "planted"
    del sys.modules[module.__name__]


def test_a_full_run_is_kept_with_its_circumstances(
    planted: str, tmp_path: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(planted, False, False, 5, tmp_path)
    kept = json.loads((tmp_path / "results" / "planted.json").read_text("utf-8"))
    assert (kept["seed"], kept["measured"]["rows"]) == (5, ROWS)
    assert kept["code"] == code_digest(package)
    assert kept["versions"]["numpy"] and kept["machine"]["cores"]
    seen = capsys.readouterr()
    assert seen.out.splitlines()[0].split() == ["size", "ratio", "ok"]
    assert "a bar is missed: size 4 MB" in seen.err


def test_a_missed_bar_fails_a_check(planted: str, tmp_path: Path) -> None:
    with pytest.raises(Exception) as end:
        _run(planted, False, True, 5, tmp_path)
    assert getattr(end.value, "exit_code", None) == 1


def test_a_quick_run_has_its_own_bars_and_is_not_kept(planted: str, tmp_path: Path) -> None:
    _run(planted, True, True, 5, tmp_path)
    assert not (tmp_path / "results").exists()


def test_the_page_has_every_result(tmp_path: Path, package: Path) -> None:
    keep("one", 3, {"rows": ROWS}, tmp_path)
    keep("two", 4, {"rows": [{"a": 1}, {"b": 2}]}, tmp_path)
    page = write_page(tmp_path).read_text("utf-8")
    assert "## one" in page and "| 4 MB | 7 | no |" in page
    assert "| a | b |" in page and "| 1 | - |" in page
    assert f"code {code_digest(package)[:12]}" in page and "Seed 4" in page


def test_the_page_needs_results(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ganglion bench NAME"):
        write_page(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "bad.json").write_text('{"name": "bad"}', "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.json is no result"):
        write_page(tmp_path)


@pytest.mark.parametrize("measured", [{}, {"rows": []}, {"rows": [1]}])
def test_a_bench_without_rows_is_named(measured: dict[str, Any]) -> None:
    with pytest.raises(GanglionError, match="bench odd gave no rows"):
        rows_of(measured, "odd")


def test_the_names_are_those_of_modules_that_run(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [path.stem for path in (package / "bench").glob("*.py") if "\ndef run(" in path.read_text("utf-8")]
    assert names() == sorted(wanted)
    with pytest.raises(SystemExit):
        app(["bench", "--list"])
    assert capsys.readouterr().out.split() == sorted(wanted)


def test_an_unknown_bench_is_set_right(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound, match="did you mean 'table'"):
        app(["bench", "tabel"], standalone_mode=False)
