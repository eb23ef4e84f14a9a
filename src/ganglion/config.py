"""A fleet file (fleet.toml) as a fleet, its policy, its addresses; nothing in it is guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from .core.errors import ConfigError, NotFound
from .core.fleet import Fleet, Link, Node, NodeId, Power
from .core.label import Tier, Zone
from .core.plan import Goal
from .core.table import Limits, Table, closest
from .node.tools import Policy
from .protect import Consent, Noise

FLEET = "fleet.toml"
MBIT_BYTES = 1e6 / 8
RATE: Limits = (0.001, 1e6)  # Mbit/s
MILLISECONDS: Limits = (0.0, 60_000.0)
POSITIVE: Limits = (1e-9, math.inf)
COUNT: Limits = (1, 1e9)
SHARE: Limits = (0.0, 1.0)
PORT: Limits = (1, 65_535)

# Declared, not measured: round figures of what such a link may give one user. A link of your own goes in [link.NAME].
#              up, down (Mbit/s), one-way delay, mean jitter (ms), loss
LINKS: dict[str, tuple[float, float, float, float, float]] = {
    "wifi": (20.0, 40.0, 3.0, 0.8, 0.0),
    "lte": (10.0, 40.0, 40.0, 4.0, 0.0),
    "5g": (50.0, 300.0, 12.0, 2.0, 0.0),
    "ethernet": (1000.0, 1000.0, 0.3, 0.02, 0.0),
    "dsl": (10.0, 50.0, 15.0, 1.5, 0.0),
}
POLICY: dict[str, Limits] = {
    "wanted_labels": COUNT,
    "least_labels": COUNT,
    "label_delay_s": (0.0, math.inf),
    "trial_inputs": COUNT,
    "kept_samples": COUNT,
    "patience_s": POSITIVE,
    "max_forgetting": SHARE,
}
MECHANISMS: dict[str, type[Consent] | type[Noise]] = {"consent": Consent, "noise": Noise}
MECHANISM: dict[str, Limits] = {"clip": POSITIVE, "multiplier": POSITIVE, "delta": (1e-12, 0.1)}
TIERS = {tier.name.lower(): tier for tier in Tier}
ZONES = {zone.name.lower(): zone for zone in Zone}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")  # what a certificate can carry
NODE = ("id", "zone", "parent", "link", "slowdown", "memory_bytes", "busy_w", "radio_j_byte", "address", "metrics_port")


@dataclass(frozen=True)
class Address:
    """Where a node listens."""

    host: str
    port: int


@dataclass(frozen=True)
class Declared:
    """What a fleet file says."""

    fleet: Fleet
    policy: Policy
    label_share: float  # of a site's samples that its on-site source labels
    addresses: Mapping[NodeId, Address]  # of real hosts; empty on one machine
    metrics: Mapping[NodeId, int] = field(default_factory=dict)  # ports on loopback for Prometheus


def read_fleet(file: Path, goal: Goal | None = None) -> Declared:
    """A fleet file; the goal is the job's. Raises ConfigError and NotFound."""
    top = Table.read(file).only("node", "link", "tiers", "policy", "declassify")
    rows = [row.only(*NODE) for row in top.tables("node")]
    nodes = tuple(_node(row) for row in rows)
    _check(top, rows, nodes)
    links, known = _links(top.table("link")), top.table("link").values.keys() | LINKS.keys()
    above = []
    for row, node in zip(rows, nodes, strict=True):
        if node.parent is not None:
            name = row.text("link", among=known)
            above.append((node.id, links.get(name) or _shipped(name)))
    addresses = {node.id: _address(row) for row, node in zip(rows, nodes, strict=True) if "address" in row}
    ports = {
        node.id: row.whole("metrics_port", None, PORT)
        for row, node in zip(rows, nodes, strict=True)
        if "metrics_port" in row
    }
    policy = top.table("policy").only(*(one.name for one in fields(Policy) if one.name in POLICY), "label_share")
    made = policy.into(Policy, POLICY, goal=goal or Goal(), mix=_mix(top), mechanism=_mechanism(top))
    return Declared(Fleet(nodes, tuple(above)), made, policy.number("label_share", 0.5, SHARE), addresses, ports)


def _node(row: Table) -> Node:
    named = row.text("id")
    if not NAME.fullmatch(named):
        raise row.wrong("id", "it must have 1 to 63 of A-Z a-z 0-9 . _ -", "rename the node")
    zone = ZONES[row.text("zone", among=ZONES)]
    if zone is Zone.CLOUD:
        for key in ("parent", "link"):
            if key in row:
                raise row.wrong(key, "the cloud has nothing above it", "remove that line")
    return Node(
        NodeId(named),
        zone,
        None if zone is Zone.CLOUD else NodeId(row.text("parent")),
        row.number("slowdown", 1.0, (0.01, 1e4)),
        row.whole("memory_bytes", None, COUNT) if "memory_bytes" in row else None,
        Power(row.number("busy_w", 0.0, (0.0, 1e5)), row.number("radio_j_byte", 0.0, (0.0, 1.0))),
    )


def _check(top: Table, rows: list[Table], nodes: tuple[Node, ...]) -> None:
    zones = {node.id: node.zone for node in nodes}
    for row, node in zip(rows, nodes, strict=True):
        if [one.id for one in nodes].count(node.id) > 1:
            raise row.wrong("id", "another node has that id", "rename one of the two")
        if node.parent is None:
            continue
        if node.parent not in zones:
            raise row.wrong("parent", f"the nodes are {', '.join(zones)}", closest(node.parent, zones))
        above = zones[node.parent]
        if above <= node.zone:
            near, far = node.zone.name.lower(), above.name.lower()
            raise row.wrong(
                "parent", f"a node of zone {near} cannot be below one of zone {far}", "name one farther away"
            )
    clouds = [node.id for node in nodes if node.zone is Zone.CLOUD]
    if len(clouds) != 1:
        raise ConfigError(f'{len(clouds)} clouds in {top.place}: a fleet has one; give one node zone = "cloud"')
    if not any(node.zone is Zone.DEVICE for node in nodes):
        raise ConfigError(f'no device in {top.place}: nothing would sense; add a [[node]] with zone = "device"')


def _links(top: Table) -> dict[str, Link]:
    return {name: _link(name, top.table(name)) for name in top.values}


def _link(name: str, row: Table) -> Link:
    row.only("up_mbit_s", "down_mbit_s", "delay_ms", "jitter_ms", "loss", "trace")
    trace = _trace(row) if "trace" in row else ()
    mean = sum(rate for _, rate in trace) / len(trace) if trace else row.number("up_mbit_s", None, RATE) * MBIT_BYTES
    return Link(
        name,
        mean,
        row.number("down_mbit_s", None, RATE) * MBIT_BYTES,
        row.number("delay_ms", None, MILLISECONDS) / 1e3,
        row.number("jitter_ms", 0.0, MILLISECONDS) / 1e3,
        row.number("loss", 0.0, (0.0, 0.5)),
        trace,
    )


def _shipped(name: str) -> Link:
    up, down, delay_ms, jitter_ms, loss = LINKS[name]
    return Link(name, up * MBIT_BYTES, down * MBIT_BYTES, delay_ms / 1e3, jitter_ms / 1e3, loss)


def _trace(row: Table) -> tuple[tuple[float, float], ...]:
    """Lines of `seconds megabits_per_second`, as published throughput traces have them; the path is the file's."""
    path = Path(row.file).parent / row.text("trace")
    if not path.is_file():
        raise NotFound(f"no trace {path}: {row.place} names it; put it there, or remove the line")
    found: list[tuple[float, float]] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        parts = line.replace(",", " ").split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            at_s, rate = float(parts[0]), float(parts[1])
        except (ValueError, IndexError):
            raise ConfigError(f"line {number} of {path}: {line!r} is no rate; write seconds and Mbit/s") from None
        if found and at_s <= found[-1][0]:
            raise ConfigError(f"line {number} of {path}: {at_s:g} s comes after {found[-1][0]:g} s; sort it by time")
        found.append((at_s, max(rate, RATE[0]) * MBIT_BYTES))
    if len(found) < 2:
        raise ConfigError(f"{len(found)} rates in {path}: a trace needs two; write lines of seconds and Mbit/s")
    return tuple((at_s - found[0][0], rate) for at_s, rate in found)


def _address(row: Table) -> Address:
    host, _, port = row.text("address").rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise row.wrong("address", "it must be host:port with a port below 65536", 'such as "192.0.2.10:7400"')
    return Address(host.strip("[]"), int(port))


def _mix(top: Table) -> tuple[tuple[Tier, float], ...]:
    """Which share of samples has which tier, as declared for the planner."""
    row = top.table("tiers").only(*TIERS)
    if not row.values:
        return Policy().mix
    mix = tuple((TIERS[name], row.number(name, None, SHARE)) for name in row.values)
    total = math.fsum(share for _, share in mix)
    if abs(total - 1.0) > 1e-6:
        raise ConfigError(f"shares of {total:g} in all in {row.place}: they must add up to 1; correct one of them")
    return mix


def _mechanism(top: Table) -> Consent | Noise | None:
    if "declassify" not in top:
        return None
    row = top.table("declassify")
    kind = MECHANISMS[row.text("mechanism", among=MECHANISMS)]
    return row.only("mechanism", *(one.name for one in fields(kind))).into(kind, MECHANISM)
