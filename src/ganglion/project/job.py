"""A project's job.toml: how its model learns, and what a plan for it has to keep."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from ..core.compute import Adam, CrossEntropy, Sgd
from ..core.plan import Goal
from ..core.table import Limits, Table
from ..node.tools import Recipe

OPTIMIZERS: dict[str, type[Sgd] | type[Adam]] = {"adam": Adam, "sgd": Sgd}
SHARE, COUNT = (0.0, 1.0), (1.0, 1e6)
RECIPE: dict[str, Limits] = {"rate": (1e-9, 1e3), "epochs": COUNT, "batch": COUNT}
RECIPE |= dict.fromkeys(("momentum", "decay", "cooling"), SHARE)
GOAL: dict[str, Limits] = {"deadline_s": (1e-3, 1e4), "risk": SHARE, "aim": SHARE, "far_share": SHARE}
Recipes = tuple[Recipe, Recipe, Recipe]  # fresh, transfer, round
USUAL = Recipe(Adam(0.005, epochs=30), CrossEntropy())


def read_job(file: Path) -> tuple[Recipes, Goal]:
    """How to learn and what a plan must keep; the usual where the file does not say. Raises ConfigError."""
    there = Table.read(file) if file.exists() else Table(str(file), "", {})
    top = there.only("train", "transfer", "round", "goal")
    fresh = _recipe(top.table("train"), USUAL)
    goal = top.table("goal").only(*(one.name for one in fields(Goal)))
    transfer = _recipe(top.table("transfer"), fresh)
    return (fresh, transfer, _recipe(top.table("round"), transfer)), goal.into(Goal, GOAL)


def _recipe(row: Table, usual: Recipe) -> Recipe:
    if not row.values:
        return usual
    kind = OPTIMIZERS[row.text("optimizer", "adam", OPTIMIZERS)]
    row.only("optimizer", "exits", *(one.name for one in fields(kind)))
    return Recipe(row.into(kind, RECIPE), CrossEntropy(row.numbers("exits", usual.loss.exits, (0.0, 1e3))))
