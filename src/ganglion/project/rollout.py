"""A roll-out file (rollout.toml): rings of sites by name, label and share, and the rule of each; nothing is guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from ..core.errors import ConfigError
from ..core.fleet import Fleet, NodeId
from ..core.label import Zone
from ..core.table import Limits, Table, closest
from ..flow.rollout.rule import Rule

FILE = "rollout.toml"
PART: Limits = (0.0, 1.0)
SECONDS: Limits = (0.0, 30 * 86_400.0)
LIMITS: dict[str, Limits] = {
    "least": (0, 1e6),
    "success": PART,
    "error": PART,
    "level": (0.5, 0.9999),
    "soak_s": SECONDS,
    "patience_s": (0.1, SECONDS[1]),
}
KEYS = tuple(one.name for one in fields(Rule))
CHOICE = ("nodes", "labels", "share")


@dataclass(frozen=True)
class Rings:
    """Who gets a release when: sites' edges, ring by ring, each ring with its rule."""

    nodes: tuple[tuple[NodeId, ...], ...]
    rules: tuple[Rule, ...]


def read_rollout(file: Path, fleet: Fleet) -> Rings:
    """Raises NotFound where there is no file, ConfigError naming the line that will not do."""
    top = Table.read(file).only("seed", "labels", "ring", *(key for key in KEYS if key != "name"))
    labels, edges = _labels(top, fleet), [node.id for node in fleet.at(Zone.EDGE)]
    order = sorted(edges, key=lambda edge: sha256(f"{top.text('seed', '')}/{edge}".encode()).digest())
    rows, taken = top.tables("ring"), set[NodeId]()
    if not rows:
        raise ConfigError(f"no ring in {top.place}: a roll-out needs one; write [[ring]] with a name, share = 1.0")
    rings, rules = [], []
    for row in rows:
        row.only(*KEYS, *CHOICE)
        chosen = _chosen(row, labels, order, taken)
        taken |= set(chosen)
        rings.append(tuple(edge for edge in edges if edge in chosen))
        rules.append(_rule(top, row, len(chosen)))
    if left := [edge for edge in edges if edge not in taken]:
        raise ConfigError(
            f"no ring of {top.place} holds {', '.join(left)}: they would never get it; end with share = 1.0"
        )
    return Rings(tuple(rings), tuple(rules))


def plain_rings(fleet: Fleet) -> Rings:
    """Without a file: the first edge alone, then all others."""
    edges = tuple(node.id for node in fleet.at(Zone.EDGE))
    rings = tuple(ring for ring in (edges[:1], edges[1:]) if ring)
    if not rings:
        raise ConfigError('no edge in the fleet: a release goes to sites; add a [[node]] with zone = "edge"')
    return Rings(rings, (Rule("canary", shadow=False, least=1), Rule("fleet"))[: len(rings)])


def schedule(rings: Rings) -> list[dict[str, object]]:
    """Who would get it when: per ring, the earliest and the latest second at which it may begin to answer.

    Earliest: every site reports at once. Latest: each ring before it takes all of its patience.
    """
    rows: list[dict[str, object]] = []
    early_s = late_s = 0.0
    if rings.rules[0].shadow:
        late_s += rings.rules[0].patience_s
    for nodes, rule in zip(rings.nodes, rings.rules, strict=True):
        row = {"ring": rule.name, "nodes": list(nodes), "shadow": rule.shadow, "from_s": early_s, "at_latest_s": late_s}
        bounds = {"least": rule.least, "success": rule.success, "error": rule.error, "level": rule.level}
        rows.append({**row, **bounds, "soak_s": rule.soak_s, "patience_s": rule.patience_s})
        early_s += rule.soak_s
        late_s += rule.soak_s + rule.patience_s
    return rows


def _labels(top: Table, fleet: Fleet) -> dict[str, tuple[NodeId, ...]]:
    """What each label stands for: edges by name or shell pattern."""
    table = top.table("labels")
    return {label: tuple(_named(table, label, [node.id for node in fleet.at(Zone.EDGE)])) for label in table.values}


def _chosen(row: Table, labels: Mapping[str, Sequence[NodeId]], order: list[NodeId], taken: set[NodeId]) -> set[NodeId]:
    """The edges of one ring that no earlier ring holds. A share counts those that have it already."""
    named = _named(row, "nodes", order) if "nodes" in row else []
    for label in _texts(row, "labels") if "labels" in row else ():
        if label not in labels:
            there = ", ".join(labels) or "none"
            raise row.wrong("labels", f"the labels of [labels] are {there}", closest(label, labels))
        named += labels[label]
    if not any(key in row for key in CHOICE):
        raise ConfigError(f"{row.place} names nobody: give nodes, labels or share; such as share = 1.0 for all others")
    among = [edge for edge in order if edge in named] if "nodes" in row or "labels" in row else order
    free = [edge for edge in among if edge not in taken]
    if "share" in row:
        wanted = math.ceil(row.number("share", None, PART) * len(among) - 1e-9) - (len(among) - len(free))
        free = free[: max(wanted, 0)]
    if not free:
        raise ConfigError(f"{row.place} is empty: earlier rings hold all of it; widen it, or take it out")
    return set(free)


def _rule(top: Table, row: Table, nodes: int) -> Rule:
    """A ring's rule: its own keys, else those at the top of the file, else the defaults."""
    values = {key: value for key, value in {**top.values, **row.values}.items() if key in KEYS}
    given = {key: Table(row.file, row.name if key in row else "", {key: value}) for key, value in values.items()}
    made: dict[str, object] = {"name": row.text("name")}
    for key, table in given.items():
        if key == "shadow":
            made[key] = table.values[key]
            if not isinstance(made[key], bool):
                raise table.wrong(key, "it must be true or false", "write it without quotes")
        elif key == "least":
            made[key] = table.whole(key, None, LIMITS[key])
        elif key != "name":
            made[key] = table.number(key, None, LIMITS[key])
    rule = Rule(**made)  # type: ignore[arg-type]  # each value was read as its field's type
    if rule.least > nodes:
        raise row.wrong("least", f"the ring has {nodes} nodes", f"such as {nodes}")
    if rule.success and not rule.enough(nodes, 0):
        raise row.wrong(
            "success", f"{nodes} successes of {nodes} do not show that at level {rule.level:g}", "widen the ring"
        )
    return rule


def _named(row: Table, key: str, known: Sequence[NodeId]) -> list[NodeId]:
    found: list[NodeId] = []
    for pattern in _texts(row, key):
        matching = [edge for edge in known if fnmatchcase(edge, pattern)]
        if not matching:
            raise row.wrong(key, f"the edges are {', '.join(sorted(known))}", closest(pattern, known))
        found += matching
    return found


def _texts(row: Table, key: str) -> list[str]:
    value = row.values.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise row.wrong(key, "it must be a list of texts", f'such as {key} = ["edge-1"]')
    return value
