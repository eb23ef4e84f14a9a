"""Every cell of role x tier x action x destination, decided and compared with a table written down by hand; then live.

The table says, per role, action and tier, in which places it may happen: D(evice), E(dge), C(loud), S(creen = console).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ..core.gate import denial
from ..core.label import Form, Label, Tier, Zone, may_enter
from ..core.ref import Ref
from ..protect.access import Action, Place, Role, refusal

TIERS = (Tier.USER, Tier.EDGE, Tier.DERIVED, Tier.PUBLIC)
NEVER = ("-", "-", "-", "-")
RAW_MACHINE = ("D", "DE", "DE", "DEC")
RAW_OPERATOR = ("-", "DE", "DE", "DEC")
RAW_OPERATOR_SEEN = ("-", "DE", "DE", "DECS")
RAW_OWNER_SEEN = ("D", "DE", "DE", "DECS")
TABLE: dict[tuple[str, str], tuple[str, str, str, str]] = {
    #                          user  edge  derived  public
    ("device", "read"): RAW_MACHINE,
    ("device", "send"): RAW_MACHINE,
    ("device", "arrive"): RAW_MACHINE,
    ("device", "query"): ("D", "DE", "DEC", "DEC"),
    ("device", "train"): RAW_MACHINE,
    ("device", "label"): RAW_MACHINE,
    ("device", "release"): NEVER,
    ("device", "administer"): NEVER,
    ("operator", "read"): RAW_OPERATOR_SEEN,
    ("operator", "send"): NEVER,
    ("operator", "arrive"): NEVER,
    ("operator", "query"): ("-", "DE", "DECS", "DECS"),
    ("operator", "train"): RAW_OPERATOR,
    ("operator", "label"): RAW_OPERATOR_SEEN,
    ("operator", "release"): ("-", "DE", "DEC", "DEC"),
    ("operator", "administer"): NEVER,
    ("owner", "read"): RAW_OWNER_SEEN,
    ("owner", "send"): RAW_OWNER_SEEN,
    ("owner", "arrive"): NEVER,
    ("owner", "query"): ("D", "DE", "DECS", "DECS"),
    ("owner", "train"): RAW_MACHINE,
    ("owner", "label"): RAW_OWNER_SEEN,
    ("owner", "release"): ("D", "DE", "DEC", "DEC"),
    ("owner", "administer"): ("DECS", "DECS", "DECS", "DECS"),
}
LETTERS = dict(zip("DECS", Place, strict=True))
Result = dict[str, Any]


def run(quick: bool, seed: int) -> Result:
    """The matrix, the laws, and certificates of each role at a running console. Neither argument changes anything."""
    rows = [*matrix(), *laws()]
    with tempfile.TemporaryDirectory(prefix="ganglion-access-") as folder:
        rows += live(Path(folder))
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def matrix() -> Iterator[Result]:
    """A row per role and action: where it may happen, by tier."""
    for role, action in product(Role, Action):
        wanted = TABLE[role.name.lower(), action.name.lower()]
        got = tuple(_places(role, action, tier) for tier in TIERS)
        named = {tier.name.lower(): places for tier, places in zip(TIERS, got, strict=True)}
        cells = len(TIERS) * len(Place)
        yield {"what": f"{role.name.lower()} {action.name.lower()}", **named, "cells": cells, "ok": got == wanted}


def _places(role: Role, action: Action, tier: Tier) -> str:
    return "".join(letter for letter, place in LETTERS.items() if not refusal(role, action, tier, place)) or "-"


def laws() -> Iterator[Result]:
    """What must hold of all cells, for every form of the data."""
    cells = [Cell(*one) for one in product(Role, Action, Tier, Place, (None, *Form))]
    for law in (_private, _owner, _machine, _administer, _table, _gates):
        yield {"what": str(law.__doc__).rstrip("."), "cells": len(cells), "ok": all(law(cell) for cell in cells)}


class Cell(NamedTuple):
    """One question."""

    role: Role
    action: Action
    tier: Tier
    place: Place
    form: Form | None

    @property
    def allowed(self) -> bool:
        """The answer."""
        return not refusal(*self)


def _private(cell: Cell) -> bool:
    """More private is never freer."""
    return not cell.allowed or cell.tier is Tier.PUBLIC or cell._replace(tier=Tier(cell.tier - 1)).allowed


def _owner(cell: Cell) -> bool:
    """An owner may what an operator may."""
    return cell.role is not Role.OPERATOR or not cell.allowed or cell._replace(role=Role.OWNER).allowed


def _machine(cell: Cell) -> bool:
    """A machine never administers, never releases, never sits at a console."""
    beyond = cell.action in (Action.ADMINISTER, Action.RELEASE) or cell.place is Place.CONSOLE
    return cell.role is not Role.DEVICE or not beyond or not cell.allowed


def _administer(cell: Cell) -> bool:
    """Only an owner administers, and may so everywhere."""
    return cell.action is not Action.ADMINISTER or cell.allowed == (cell.role is Role.OWNER)


def _table(cell: Cell) -> bool:
    """Never against the table of labels."""
    if cell.action is Action.ADMINISTER or cell.form is None or not cell.allowed:
        return True
    return may_enter(Label(cell.tier, cell.form), Zone(min(cell.place, Place.CLOUD)))


def _gates(cell: Cell) -> bool:
    """Machines send and take in exactly what the gates let pass."""
    moves = cell.action in (Action.SEND, Action.ARRIVE) and cell.place is not Place.CONSOLE
    if cell.role is not Role.DEVICE or not moves or cell.form is None:
        return True
    return cell.allowed == (not denial(Ref("0" * 64, 1, Label(cell.tier, cell.form)), Zone(cell.place)))


def live(folder: Path) -> list[Result]:
    """Certificates of every role at the console of a running cloud; then what vouches for them is replaced."""
    from .access_console import requests
    from .access_rotation import rotations

    return [*requests(folder / "console"), *rotations(folder / "rotation")]
