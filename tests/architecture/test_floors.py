"""Who may import whom: the contracts in pyproject.toml hold, and each of them would notice."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganglion.checks.size import VERBS, Module, modules

# What a floor may import besides the standard library. Everything above these floors is bound by contracts alone.
OUTSIDE = {
    "core": {"numpy"},
    "core.codec": {"msgspec"},
    "core.blob": {"numpy", "safetensors"},
    "flow": set[str](),  # a flow holds no tensor
    "node": {"numpy"},
    **{verb: {"numpy"} for verb in VERBS},
    "plan.cut.min_cut": {"numpy", "scipy"},  # one flow solver, loaded when it is asked
    "protect": {"numpy", "cryptography"},
}

PLANTED = [  # module, what it must not import, the contract that says so
    ("core/ref.py", "import ganglion.flow", "Floors"),
    ("flow/round/server.py", "from ganglion.node import tools", "Floors"),
    ("flow/round/server.py", "import torch", "torch stays"),
    ("core/ref.py", "import onnx", "onnx and onnxruntime stay"),
    ("core/ref.py", "from cryptography import x509", "cryptography stays"),
    ("node/drive.py", "import time", "Event loops"),
    ("sim/world.py", "import asyncio", "Event loops"),
    ("node/journal.py", "def later():\n    import msgspec", "msgspec stays"),
]


def lint(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter over the package that lies in a folder."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from importlinter.cli import lint_imports as run; "
    code += f"sys.exit(run(config_filename={str(config)!r}, no_cache=True))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_every_contract_is_kept(root: Path) -> None:
    seen = lint(root / "src", root / "pyproject.toml")
    assert seen.returncode == 0, seen.stdout + seen.stderr


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED)
def test_a_planted_import_breaks_its_contract(
    root: Path, package: Path, tmp_path: Path, file: str, line: str, contract: str
) -> None:
    copied = tmp_path / "ganglion"
    shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
    with (copied / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    seen = lint(tmp_path, root / "pyproject.toml")
    report = " ".join(seen.stdout.split())
    broken = report.partition("Broken contracts")[2]
    assert seen.returncode == 1, seen.stdout + seen.stderr
    assert contract in broken, f"{contract!r} did not notice {line!r} in {file}: {report}"


def floor_of(module: Module) -> str:
    """The most specific row of OUTSIDE that a module belongs to; "" if none."""
    name = module.name.partition(".")[2]
    return max((row for row in OUTSIDE if f"{name}.".startswith(f"{row}.")), key=len, default="")


def imported(module: Module) -> set[str]:
    """The top-level names of everything it imports, wherever in the file, from outside the package."""
    names = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(module.source(node).partition(".")[0])
    return names - {"ganglion"}


def test_lower_floors_import_the_standard_library_and_little_else(package: Path) -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in modules(package)
        if (floor := floor_of(module))
        for name in imported(module) - OUTSIDE[floor] - sys.stdlib_module_names
    ]
    assert not wrong, f"{wrong}; say what is to be computed instead, and let engine/ or live/ do it"
