"""`ganglion new`: a small project of your own, ready to run."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from ..core.errors import ConfigError
from .screen import say

FILES = ("model.py", "data.py", "fleet.toml", "job.toml")
IGNORED = ".ganglion/\n__pycache__/\n"  # keys and state of the fleet that `up` makes; never to be committed


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command("new", epilog="Example: ganglion new myproject && ganglion up myproject --sim")(new)


def new(name: str = typer.Argument(help="Folder to make; it must not exist yet, or be empty.")) -> None:
    """Write a small runnable project: model.py, data.py, fleet.toml, job.toml."""
    folder = Path(name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", folder.name):
        raise ConfigError(f"{name!r} is no project name: it needs letters, digits, . _ -; choose another")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{name} exists already: nothing was written; choose another name, or empty that folder")
    template = Path(__file__).parents[1] / "template"
    texts = {file: (template / file).read_text("utf-8") for file in FILES}
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in {**texts, ".gitignore": IGNORED}.items():
        (folder / file).write_text(text, "utf-8")
    say(f"{folder} is ready: {', '.join(FILES)}")
    say(f"next: ganglion up {folder} --sim     in the simulator")
    say(f"      ganglion up {folder}           as processes on this machine; ganglion down {folder} ends them")
