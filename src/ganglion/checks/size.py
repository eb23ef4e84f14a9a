"""How big the code is, read from its syntax trees: files, functions, arguments, class depth; what is over a limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

VERBS = ("reduce", "pack", "infer", "plan", "keep", "watch", "learn", "protect", "compress")


@dataclass(frozen=True)
class Limit:
    """The most that is allowed of one measure, for the modules whose dotted name matches."""

    measure: str  # "lines", "function", "arguments" or "depth"
    module: str  # shell pattern; the first limit of a measure that matches counts
    most: int
    why: str


# A limit is raised here and nowhere else, with its reason, in a commit of its own.
LIMITS = (
    *(Limit("lines", f"ganglion.{verb}.*", 120, "one algorithm") for verb in VERBS),
    Limit("lines", "*", 250, "one idea"),
    Limit("function", "*", 40, "fits on a screen"),
    Limit("arguments", "ganglion.cli.*", 20, "a command's options are its arguments"),
    Limit("arguments", "*", 6, "more of them are a noun"),
    Limit("depth", "*", 2, "combine, don't inherit"),
)


@dataclass(frozen=True)
class Measured:
    """One number, and where it was found."""

    measure: str
    module: str
    name: str  # of the function or class; "" for the file
    value: int


@dataclass(frozen=True)
class Module:
    """One file of a package, read and parsed."""

    name: str  # dotted
    package: bool  # an __init__ file
    lines: int  # blank ones and comments included
    tree: ast.Module

    def source(self, node: ast.ImportFrom) -> str:
        """The dotted name of what a `from … import …` in this module imports from.

        >>> node = ast.parse("from ..core.ref import Ref").body[0]
        >>> Module("ganglion.sim.net", False, 1, ast.parse("")).source(node)
        'ganglion.core.ref'
        """
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        kept = parts[: len(parts) - node.level + self.package]
        return ".".join([*kept, *([node.module] if node.module else [])])


def modules(package: Path) -> list[Module]:
    """Every module below a folder, in the order of their paths. Raises SyntaxError for a file that does not parse."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        inner = parts[-1] == "__init__"
        text = path.read_text("utf-8")
        name = ".".join(parts[:-1] if inner else parts)
        found.append(Module(name, inner, len(text.splitlines()), ast.parse(text, str(path))))
    return found


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many a caller may pass; `self` and `cls` are not counted, `*more` and `**more` are one each.

    >>> arguments(ast.parse("def f(self, a, /, b, *more, c=1): ...").body[0])
    4
    """
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    bound = bool(named) and named[0].arg in ("self", "cls")
    return len(named) - bound + (given.vararg is not None) + (given.kwarg is not None)


def depths(found: Sequence[Module]) -> dict[tuple[str, str], int]:
    """(module, class) -> how many classes of the package stand in its longest line of descent, itself included."""
    bases: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for module in found:
        classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
        origin = {node.name: (module.name, node.name) for node in classes}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                origin |= {alias.asname or alias.name: (module.source(node), alias.name) for alias in node.names}
        for made in classes:
            plain = [base.value if isinstance(base, ast.Subscript) else base for base in made.bases]
            bases[module.name, made.name] = [origin[b.id] for b in plain if isinstance(b, ast.Name) and b.id in origin]

    def depth(key: tuple[str, str]) -> int:
        return 1 + max((depth(base) for base in bases[key] if base in bases), default=0)

    return {key: depth(key) for key in bases}


def measure(package: Path) -> Iterator[Measured]:
    """Everything that has a limit."""
    found = modules(package)
    for module in found:
        yield Measured("lines", module.name, "", module.lines)
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield Measured("function", module.name, node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
                yield Measured("arguments", module.name, node.name, arguments(node))
    for (name, made), depth in depths(found).items():
        yield Measured("depth", name, made, depth)


def limit_of(what: Measured) -> Limit:
    """The limit that holds for it: the first one that matches."""
    return next(one for one in LIMITS if one.measure == what.measure and fnmatch(what.module, one.module))


def breaches(package: Path) -> list[str]:
    """One line for everything over its limit; the remedy is to split, or to argue for a row of LIMITS."""
    over = []
    for what in measure(package):
        limit = limit_of(what)
        if what.value > limit.most:
            where = f"{what.module}.{what.name}" if what.name else what.module
            over.append(f"{where}: {what.measure} {what.value}, at most {limit.most} ({limit.why})")
    return over


def table(package: Path) -> str:
    """Folders of a package, one row each: files, lines, and the largest file, function and argument list in it."""
    rows: dict[str, dict[str, list[int]]] = {}
    for what in measure(package):
        for folder in (what.module.split(".")[1] if "." in what.module else package.name, "all"):
            rows.setdefault(folder, {}).setdefault(what.measure, []).append(what.value)
    rows["all"] = rows.pop("all", {"lines": [0]})  # the sum stands last
    form = "{:<12}{:>7}{:>8}{:>14}{:>18}{:>16}"
    out = [form.format("folder", "files", "lines", "longest file", "longest function", "most arguments")]
    for folder, row in rows.items():
        largest = [max(row.get(measure, [0])) for measure in ("lines", "function", "arguments")]
        out.append(form.format(folder, len(row["lines"]), sum(row["lines"]), *largest))
    return "\n".join(out)
