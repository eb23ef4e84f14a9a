"""Machines in a row that could share a model: binary, partial, hierarchical and peer offloading are all such rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...core.errors import ConfigError
from ...core.fleet import Fleet, Link, Node, NodeId
from ...core.label import REACH, Label, Zone

Peer = tuple[NodeId, NodeId, Link]  # two neighbours and what lies between them; "up" leads to the second


@dataclass(frozen=True)
class Places:
    """Hosts from where the input is outwards, and the links between them; "up" leads outwards. Any number of them."""

    hosts: tuple[Node, ...]
    links: tuple[Link, ...]
    price_s: tuple[float, ...] = ()  # money per busy second of each host; () = nothing
    price_byte: tuple[float, ...] = ()  # money per byte on each link; () = nothing

    def __post_init__(self) -> None:
        if not self.hosts or len(self.links) != len(self.hosts) - 1:
            raise ConfigError(f"{len(self.hosts)} hosts in a row came with {len(self.links)} links; give one per step")
        if len(self.price_s) not in (0, len(self.hosts)) or len(self.price_byte) not in (0, len(self.links)):
            raise ConfigError("prices are given per host and per link, or not at all; complete them")

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts' names."""
        return tuple(str(host.id) for host in self.hosts)


def may_pass(hosts: tuple[Node, ...], label: Label, link: int) -> bool:
    """Whether data born at the first host may cross a link: into the next host's zone, and out of its site."""
    farthest, home, there = REACH[label.tier][label.form], hosts[0], hosts[link + 1]
    if farthest is Zone.DEVICE:
        return there.id == home.id  # a neighbour is another device
    return there.zone <= farthest and (farthest is Zone.CLOUD or there.site == home.site)


def paths(fleet: Fleet, start: NodeId, peers: tuple[Peer, ...] = (), longest: int = 4) -> Iterator[Places]:
    """Every row of hosts from a node outwards: alone, up the tree, and over neighbours; zones never come nearer.

    A host that computes nothing only passes tensors on, so a way past the edge is in the row with the edge.
    """
    beside: dict[NodeId, list[tuple[NodeId, Link]]] = {}
    for a, b, link in peers:
        beside.setdefault(a, []).append((b, link))
        beside.setdefault(b, []).append((a, _turned(link)))

    def grow(row: tuple[NodeId, ...], links: tuple[Link, ...]) -> Iterator[Places]:
        yield Places(tuple(fleet.node(id) for id in row), links)
        here = fleet.node(row[-1])
        on = list(beside.get(row[-1], ()))
        if here.parent is not None:
            on.append((here.parent, fleet.link(row[-1])))
        for there, link in on:
            if len(row) < longest and there not in row and fleet.zone(there) >= here.zone:
                yield from grow((*row, there), (*links, link))

    yield from grow((start,), ())


def _turned(link: Link) -> Link:
    return Link(link.name, link.down_bytes_s, link.up_bytes_s, link.delay_s, link.jitter_s, link.loss)
