"""Habits that a reader relies on: plain names, docstrings first, loud failures, no code from bytes, whole exports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganglion.checks.size import VERBS

DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "handlers", "base"}
SUFFIXES = ("Manager", "Helper", "Helpers", "Base", "Handler", "Utils", "Mixin")
CODE_FROM_BYTES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}

Rule = Callable[[Path, str], Iterator[str]]


def drawers(path: Path, text: str) -> Iterator[str]:
    """Names that say nothing about what is inside."""
    if path.stem in DRAWERS or path.parent.name in DRAWERS:
        yield f"{path}: call it after the noun or verb inside"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and node.name.endswith(SUFFIXES):
            yield f"{path}:{node.lineno}: class {node.name}: call it after what it is"


def silent_excepts(path: Path, text: str) -> Iterator[str]:
    """Broad excepts that swallow, without a reason at a process boundary."""
    rows = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler) or not _broad(node.type):
            continue
        cleans_up = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None  # swallows nothing
        if not cleans_up and "# boundary:" not in rows[node.lineno - 1]:
            yield f"{path}:{node.lineno}: a broad except; name the error, or say `# boundary: why`"


def _broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_broad(one) for one in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


def prints(path: Path, text: str) -> Iterator[str]:
    """Output from anywhere but the command line."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name(id="print"), lineno=line) if "cli" not in path.parts:
                yield f"{path}:{line}: print; tell a fact, and let cli/ show it"


def code_from_bytes(path: Path, text: str) -> Iterator[str]:
    """Anything that would run what it reads."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names) if {name.name.partition(".")[0] for name in names} & CODE_FROM_BYTES:
                yield f"{path}:{node.lineno}: use core/codec or core/blob"
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in CODE_FROM_BYTES:
                yield f"{path}:{node.lineno}: use core/codec or core/blob"
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield f"{path}:{node.lineno}: {name} runs what it reads"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")):
                yield f"{path}:{node.lineno}: torch.load runs what it reads; use core/blob"
            case ast.keyword(arg="allow_pickle", value=value) if not (
                isinstance(value, ast.Constant) and value.value is False
            ):
                yield f"{path}:{value.lineno}: allow_pickle runs what it reads"


def late_docstrings(path: Path, text: str) -> Iterator[str]:
    """Files that do not say first what they are."""
    body = ast.parse(text).body
    if not text.startswith('"""') or not body or not isinstance(body[0], ast.Expr):
        yield f"{path}: the first line says what the file is"
    defines = any(
        isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign)) for node in body
    )
    if defines and "from __future__ import annotations" not in text:
        yield f"{path}: from __future__ import annotations comes next"


def unexported(path: Path, text: str) -> Iterator[str]:
    """Algorithms that their folder does not offer."""
    folder = path.parent
    below = str(folder).rpartition("ganglion/")[2].split("/")  # flow/keep is a process, keep/ a verb
    if below[0] not in VERBS or path.name == "__init__.py":
        return
    made = {node.name for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    offered = exports(folder / "__init__.py")
    if not {name for name in made if not name.startswith("_")} & offered:
        yield f"{path}: {folder.name}/__init__.py exports nothing of it; add it to __all__"


def exports(init: Path) -> set[str]:
    """What a folder's `__all__` lists."""
    for node in ast.parse(init.read_text("utf-8")).body if init.exists() else []:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


RULES: list[Rule] = [drawers, silent_excepts, prints, code_from_bytes, late_docstrings, unexported]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(package: Path, rule: Rule) -> None:
    found = [one for path in sorted(package.rglob("*.py")) for one in rule(path, path.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (drawers, "core/utils.py", '"""Odds and ends."""\n'),
        (drawers, "core/ref.py", "class RefManager: ...\n"),
        (silent_excepts, "core/ref.py", "try: x\nexcept Exception: ...\n"),
        (silent_excepts, "core/ref.py", "try: x\nexcept (ValueError, BaseException): ...\n"),
        (silent_excepts, "core/ref.py", "try: x\nexcept: ...\n"),
        (prints, "node/drive.py", "print(1)\n"),
        (code_from_bytes, "core/blob.py", "import pickle as p\n"),
        (code_from_bytes, "core/blob.py", "from joblib import load\n"),
        (code_from_bytes, "engine/torch/fit.py", "torch.load(path)\n"),
        (code_from_bytes, "core/blob.py", "np.load(path, allow_pickle=True)\n"),
        (code_from_bytes, "core/blob.py", "eval(text)\n"),
        (late_docstrings, "core/ref.py", "import os\n"),
        (late_docstrings, "core/ref.py", '"""A ref."""\n\nsize: int = 1\n'),
    ],
)
def test_the_rule_notices(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Path(path), text))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (silent_excepts, "live/run.py", "try: x\nexcept Exception as error:  # boundary: user code\n    ...\n"),
        (silent_excepts, "live/run.py", "try: x\nexcept ValueError: ...\n"),
        (silent_excepts, "live/run.py", "try: x\nexcept BaseException:\n    close()\n    raise\n"),
        (prints, "cli/status.py", "print(1)\n"),
        (code_from_bytes, "engine/torch/fit.py", "model.eval()\n"),
        (code_from_bytes, "core/blob.py", "np.load(path, allow_pickle=False)\n"),
    ],
)
def test_the_rule_lets_pass(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Path(path), text))


def test_an_algorithm_that_its_folder_forgot_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "ganglion" / "learn" / "aggregate"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('from .mean import Mean\n\n__all__ = ["Mean"]\n', "utf-8")
    text = "class Krum: ...\n"
    (folder / "krum.py").write_text(text, "utf-8")
    assert list(unexported(folder / "krum.py", text))
    assert not list(unexported(folder / "mean.py", "class Mean: ...\n"))
