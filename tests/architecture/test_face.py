"""The public face: every name resolves, type checkers see the same names, and asking for nothing costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import ganglion

HEAVY = {"numpy", "onnxruntime", "torch", "onnx", "sklearn", "scipy", "aiohttp", "cryptography"}


@pytest.mark.parametrize("name", sorted(ganglion.FACE))
def test_every_public_name_is_the_thing_its_module_defines(name: str) -> None:
    module = import_module(f"ganglion.{ganglion.FACE[name]}")
    assert getattr(ganglion, name) is getattr(module, name)
    assert getattr(ganglion, name).__module__ == module.__name__, f"{name} is only passed on by {module.__name__}"


def test_type_checkers_see_the_same_table(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    rows = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname: row.module for row in rows for alias in row.names} == ganglion.FACE


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"no 'Smaple'.*Sample"):
        _ = ganglion.Smaple


def test_the_version_is_the_one_that_is_packaged(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == ganglion.__version__


def loaded(*arguments: str) -> set[str]:
    """The top-level modules that a fresh interpreter imports for these arguments."""
    seen = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert seen.returncode == 0, seen.stderr[-2000:]
    rows = [line.rpartition("|")[2].strip() for line in seen.stderr.splitlines() if line.startswith("import time:")]
    return {row.partition(".")[0] for row in rows}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded("-c", "import ganglion") & HEAVY


def test_a_noun_loads_numpy_but_no_engine() -> None:
    seen = loaded("-c", "import ganglion; ganglion.Sample")
    assert "numpy" in seen  # or the test above would see nothing either
    assert not seen & (HEAVY - {"numpy"})


def test_asking_for_help_loads_nothing_heavy() -> None:
    assert not loaded("-m", "ganglion", "--help") & HEAVY
