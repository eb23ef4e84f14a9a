"""Nothing is larger than its limit, and the measuring notices what is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganglion.checks.size import LIMITS, breaches, measure, table


def test_nothing_is_over_its_limit(package: Path) -> None:
    over = breaches(package)
    assert not over, "\n".join(["split these, or argue for a row in checks/size.py:", *over, "", table(package)])


def test_the_table_sums_what_it_measured(package: Path) -> None:
    *_, last = table(package).splitlines()
    name, files, lines, *_ = last.split()
    found = [one.value for one in measure(package) if one.measure == "lines"]
    assert (name, int(files), int(lines)) == ("all", len(found), sum(found))


@pytest.mark.parametrize(
    ("file", "source", "breach"),
    [
        ("core/long.py", "x = 1\n" * 251, "long: lines 251, at most 250"),
        ("learn/krum.py", "x = 1\n" * 121, "krum: lines 121, at most 120"),
        ("core/f.py", "def f():\n" + "    x = 1\n" * 40, "f.f: function 41, at most 40"),
        ("core/f.py", "async def f(a, b, c, /, d, *, e, f, **g): ...\n", "f.f: arguments 7, at most 6"),
        ("core/c.py", "class A: ...\nclass B(A): ...\nclass C(B): ...\n", "c.C: depth 3, at most 2"),
        ("core/c.py", "class A: ...\nclass B(A): ...\n", ""),
        ("core/c.py", "class A(Exception): ...\nclass B(A): ...\n", ""),
        ("learn/krum.py", "x = 1\n" * 120, ""),
    ],
)
def test_what_is_too_large_is_named(tmp_path: Path, file: str, source: str, breach: str) -> None:
    path = tmp_path / "ganglion" / file
    path.parent.mkdir(parents=True)
    path.write_text(source, "utf-8")
    over = breaches(tmp_path / "ganglion")
    assert len(over) == bool(breach)
    assert breach in "".join(over)


def test_depth_is_followed_across_files(tmp_path: Path) -> None:
    folder = tmp_path / "ganglion"
    (folder / "core").mkdir(parents=True)
    (folder / "core" / "__init__.py").write_text("class A: ...\n", "utf-8")
    (folder / "core" / "b.py").write_text("from . import A as First\nclass B(First): ...\n", "utf-8")
    (folder / "c.py").write_text("from .core.b import B\nclass A(B): ...\n", "utf-8")
    assert breaches(folder) == ["ganglion.c.A: depth 3, at most 2 (combine, don't inherit)"]


def test_every_limit_gives_its_reason() -> None:
    assert all(limit.why for limit in LIMITS)
