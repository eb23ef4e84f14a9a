"""How a command ends: three lines on stderr, nothing on stdout, and the exit code that the kind of error has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.cli import main
from ganglion.cli.screen import cell, explain, in_three, table
from ganglion.core.errors import ConfigError, NotFound, Unreachable

ROOT = Path(__file__).resolve().parents[2]


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of `ganglion WORDS`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["ganglion", *words])
    with pytest.raises(SystemExit) as end:
        main()
    code = end.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status", "no-such-folder"], NotFound.exit_code),
        (["up", "no-such-folder", "--sim"], NotFound.exit_code),
        (["infer", "x.png", "--folder", "no-such-folder"], NotFound.exit_code),
        (["eval", "no-such-folder"], NotFound.exit_code),
        (["bench", "no-such-bench"], NotFound.exit_code),
        (["infer", "x.png", "--tier", "secret"], ConfigError.exit_code),
        (["new", "/"], ConfigError.exit_code),
        (["demo", "--data", "digit"], 2),
        (["demo", "--seed", "-1"], 2),
        (["bench", "wire", "--fast"], 2),
        (["no-such-command"], 2),
    ],
)
def test_the_exit_code_says_what_kind_of_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    assert ended(monkeypatch, *words) == code
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "Traceback" not in seen.err and seen.err


def test_a_fleet_that_is_down_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".ganglion" / "cloud").mkdir(parents=True)
    (tmp_path / ".ganglion" / "cloud" / "node.json").write_text("{}", "utf-8")
    assert ended(monkeypatch, "status", str(tmp_path)) == Unreachable.exit_code
    lines = capsys.readouterr().err.splitlines()
    assert [line[:6] for line in lines] == ["error:", "  why:", "   do:"]
    assert "ganglion up" in lines[2]


def test_a_typo_in_a_fleet_file_ends_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert_made(monkeypatch, tmp_path / "mine")
    file = tmp_path / "mine" / "fleet.toml"
    file.write_text(file.read_text("utf-8").replace('parent = "edge"', 'parent = "egde"'), "utf-8")
    capsys.readouterr()
    assert ended(monkeypatch, "up", str(tmp_path / "mine"), "--sim") == 2
    said = capsys.readouterr().err
    assert "did you mean 'edge'?" in said and "fleet.toml" in said


def assert_made(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A new project in a folder."""
    monkeypatch.setattr(sys, "argv", ["ganglion", "new", str(folder)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code


def test_verbose_shows_where(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, "-v", "status", "no-such-folder") == NotFound.exit_code
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_with_130() -> None:
    code = "import sys, ganglion.cli.doctor as d\nfrom ganglion.cli import app, main\n"
    code += "@app.command()\ndef stop() -> None:\n    raise KeyboardInterrupt\n"
    code += "sys.argv = ['ganglion', 'stop']; main()"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (seen.returncode, "Traceback" in seen.stderr) == (130, False)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("a: b; c", ("a", "b", "c")),
        ("a: b; c; d", ("a", "b; c", "d")),
        ("a; c", ("a", "", "c")),
        ("a: b: c; d", ("a", "b: c", "d")),
    ],
)
def test_a_message_is_what_why_and_what_to_do(message: str, parts: tuple[str, str, str]) -> None:
    assert in_three(message) == parts


def test_a_message_without_a_remedy_gets_one(capsys: pytest.CaptureFixture[str]) -> None:
    explain("it broke")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: it broke" and lines[1].startswith("   do: ")


def test_columns_stand_under_their_heads() -> None:
    text = table(["name", "n"], [["a", 1.23456], ["long name", None], ["b", True]])
    assert text.splitlines() == ["name       n", "a          1.235", "long name  -", "b          yes"]
    assert table(["n"], [[1], [100]]).splitlines() == ["  n", "  1", "100"]
    assert cell(0.000012345) == "1.234e-05"


def test_colour_only_where_it_is_asked_for() -> None:
    assert "\033[" not in table(["a"], [["b"]])
    assert "\033[1m" in table(["a"], [["b"]], colour=True)
