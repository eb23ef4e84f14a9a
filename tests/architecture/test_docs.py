"""What the pages say is so: their links, commands, tree and privacy table, and the pins that make uses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ganglion.core.label import REACH, Form, Tier, Zone

PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(root: Path, page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)", (root / page).read_text("utf-8"))
    inside = [target for target in targets if "://" not in target]
    assert [target for target in inside if not (root / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_knows_every_command_that_is_named(root: Path, page: str) -> None:
    known = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = (root / page).read_text("utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert named <= known, f"{page} names {named - known}; the Makefile has {known}"


def test_every_folder_of_the_package_is_in_the_tree(root: Path, package: Path) -> None:
    drawn = set(re.findall(r"^[├└]── (\w+)/", (root / "README.md").read_text("utf-8"), re.MULTILINE))
    there = {path.parent.name for path in package.glob("*/__init__.py")}
    assert there <= drawn, f"README.md does not show {there - drawn}"


def test_the_privacy_table_is_the_one_that_gates_ask(root: Path) -> None:
    rows = {}
    for line in (root / "ARCHITECTURE.md").read_text("utf-8").splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(Form) and set(cells) <= {zone.name.lower() for zone in Zone}:
            rows[name.split()[0]] = tuple(Zone[cell.upper()] for cell in cells)
    assert rows == {
        "user-private": REACH[Tier.USER],
        "edge-private": REACH[Tier.EDGE],
        "derived": REACH[Tier.DERIVED],
        "public": REACH[Tier.PUBLIC],
    }


def plain(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!;\[ ]", name, maxsplit=1)[0]).lower()


def test_everything_that_make_installs_is_pinned_without_address_or_build(root: Path) -> None:
    lines = [line for line in (root / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line)] == []
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    assert {plain(one) for one in asked} <= {plain(line) for line in lines}


def test_a_plain_install_brings_no_torch(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    names = {plain(one) for one in project["dependencies"]}
    assert not names & {"torch", "onnx", "onnxscript", "scikit-learn"}
    assert "torch" in {plain(one) for one in project["optional-dependencies"]["train"]}
