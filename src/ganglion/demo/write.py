"""The demo's project as files, so that both worlds load it exactly as they load a user's."""

from __future__ import annotations

from dataclasses import fields

from ..core.compute import Adam
from ..node.tools import Recipe
from .project.data import SCALE
from .project.recipes import FRESH, ROUND, TRANSFER

MODEL = '''"""The demo's model; see ganglion.demo.project.model."""

from ganglion.demo.project.model import build as build_for


def build():
    return build_for("{data}")
'''

DATA = '''"""The cloud's public examples, as the fleet's sensors would have shown them."""

from functools import cache
from pathlib import Path

from ganglion.core.blob import arrays_of_bytes

SCALE = {scale!r}
CLASSES = {classes}


@cache
def arrays():
    return arrays_of_bytes(Path(__file__).with_name("examples.safetensors").read_bytes())


def examples(part):
    return arrays()[part + "_x"], arrays()[part + "_y"]


def stream(node):
    raise LookupError("the demo plants its own streams")
'''


def project_files(data: str, classes: int = 10) -> dict[str, str]:
    """File name -> text."""
    job = "\n".join(
        [
            "[train]",
            *_lines(FRESH[data]),
            "",
            "[transfer]",
            *_lines(TRANSFER[data]),
            "",
            "[round]",
            *_lines(ROUND[data]),
            "",
        ]
    )
    return {
        "model.py": MODEL.format(data=data),
        "data.py": DATA.format(scale=SCALE, classes=classes),
        "job.toml": job,
    }


def _lines(recipe: Recipe) -> list[str]:
    name = "adam" if isinstance(recipe.how, Adam) else "sgd"
    exits = ", ".join(f"{weight:g}" for weight in recipe.loss.exits)
    given = [f"{one.name} = {getattr(recipe.how, one.name)!r}" for one in fields(recipe.how)]
    return [f'optimizer = "{name}"', *given, f"exits = [{exits}]"]
