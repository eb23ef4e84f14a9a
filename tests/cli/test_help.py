"""Every command explains itself with an example that exists, and explaining costs no heavy import."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from ganglion.cli import app

TOP = typer.main.get_command(app)


def commands(command: Any = TOP, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that lead to it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = list(commands())
LEAVES = [(path, command) for path, command in ALL if not getattr(command, "commands", {})]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `ganglion WORDS` prints on stdout; it must end well."""
    with pytest.raises(SystemExit) as end:
        app(list(words))
    assert end.value.code == 0
    return capsys.readouterr().out


def test_the_commands_that_the_pages_name_are_there() -> None:
    names = {" ".join(path) for path, _ in LEAVES}
    assert {"demo", "bench", "new", "up", "down", "status", "infer", "eval", "doctor", "cloud init"} <= names
    assert {f"{noun} {verb}" for noun in ("edge", "device") for verb in ("invite", "join", "serve")} <= names


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_help_ends_well(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert "Usage" in shown(capsys, *path, "--help")


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_help_has_an_example_that_the_command_takes(
    path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(shown(capsys, *path, "--help").split())
    assert "Example: ganglion " in text
    words = shlex.split(command.epilog.removeprefix("Example: ganglion ").partition("&&")[0])
    assert tuple(words[: len(path)]) == path
    command.make_context("ganglion", words[len(path) :])  # raises what a wrong example would end with


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_option_is_explained(path: tuple[str, ...], command: Any) -> None:
    silent = [one.name for one in command.params if not getattr(one, "help", "") and not getattr(one, "hidden", False)]
    assert silent == [], f"ganglion {' '.join(path)}: say what these mean"


def test_help_is_plain_where_nobody_watches() -> None:
    seen = subprocess.run([sys.executable, "-m", "ganglion", "--help"], capture_output=True, text=True, timeout=60)
    assert seen.returncode == 0
    assert "\033[" not in seen.stdout
    assert seen.stderr == ""


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "torch", "onnxruntime", "asyncio", "aiohttp", "cryptography", "msgspec"}
    code = "import sys; sys.argv = ['ganglion', '--help']; from ganglion.cli import main\n"
    code += f"try:\n    main()\nexcept SystemExit:\n    print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert seen.stderr.strip() == "[]"


def test_completion_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--install-completion" in shown(capsys, "--help")


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", shown(capsys, "--version"))
