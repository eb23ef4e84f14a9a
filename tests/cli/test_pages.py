"""Every command that a page or a message of the command line names is one there is, with options that it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import typer

from ganglion.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "examples").glob("*/README.md"))
SOURCES = [*sorted((ROOT / "src" / "ganglion" / "cli").glob("*.py")), ROOT / "src" / "ganglion" / "config.py"]
SOURCES += [ROOT / "src" / "ganglion" / "project" / "find.py"]
SOURCES += sorted((ROOT / "src" / "ganglion" / "template").iterdir())


def written(path: Path) -> Iterator[list[str]]:
    """The words after `ganglion` of every command in a file."""
    text = path.read_text("utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("ganglion "))
    for inline in re.findall(r"`ganglion ([^`]*)`", text):
        if not inline.startswith("{"):
            yield inline.split()


def take(words: list[str]) -> None:
    """Follows the words to a command, and has it parse the rest."""
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]  # type: ignore[attr-defined]
        words = words[1:]
    groups = getattr(command, "commands", {})
    assert not (groups and words and not words[0].startswith("-")), f"there is no {words[0]!r} among {sorted(groups)}"
    if len(words) and not groups and "…" not in words:
        command.make_context("ganglion", ["mine" if word.startswith("{") else word for word in words])


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_named_commands_exist(path: Path) -> None:
    for words in written(path):
        for chosen in product(*(word.split("|") for word in words)):
            take(list(chosen))


def test_what_does_not_exist_is_noticed() -> None:
    with pytest.raises(AssertionError, match="there is no 'profiles'"):
        take(["profiles"])
    with pytest.raises(AssertionError, match="there is no 'start'"):
        take(["cloud", "start"])
    with pytest.raises(Exception, match="No such option"):
        take(["up", ".", "--simulate"])


def test_commands_are_found_in_pages(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Run `ganglion up mine --sim`.\n\n```sh\nls\nganglion down mine # ends it\n```\n", "utf-8")
    assert sorted(written(page)) == [["down", "mine"], ["up", "mine", "--sim"]]
