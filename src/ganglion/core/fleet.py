"""Who is where, how fast, how far: nodes, links and the tree they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NewType

from .errors import ConfigError, NotFound
from .label import Zone

NodeId = NewType("NodeId", str)


@dataclass(frozen=True)
class Power:
    """A declared power model; every joule computed from it is labelled `declared`."""

    busy_w: float = 0.0  # above idle, while computing
    radio_j_byte: float = 0.0  # per byte sent or received


@dataclass(frozen=True)
class Node:
    """A machine of the fleet."""

    id: NodeId
    zone: Zone
    parent: NodeId | None = None  # who it dials; None for the cloud
    slowdown: float = 1.0  # declared: its compute takes this many times as long as measured here
    memory_bytes: int | None = None  # declared limit for model weights and activations; None = no limit
    power: Power = Power()

    @property
    def site(self) -> str:
        """The site a node belongs to: its edge. The cloud is a site of its own."""
        return str(self.parent if self.zone is Zone.DEVICE else self.id)


@dataclass(frozen=True)
class Link:
    """What lies between a node and its parent, as declared; "up" is towards the cloud."""

    name: str
    up_bytes_s: float
    down_bytes_s: float
    delay_s: float  # one way
    jitter_s: float = 0.0  # mean of an exponential addition to the delay
    loss: float = 0.0  # probability that a datagram is lost (simulator only; TCP hides it live)
    trace: tuple[tuple[float, float], ...] = ()  # (seconds from start, up_bytes_s), repeated; replaces `up_bytes_s`

    def up_at(self, at_s: float) -> float:
        """Uplink rate at a time, following the trace if there is one."""
        if not self.trace:
            return self.up_bytes_s
        at_s %= self.trace[-1][0] or 1.0
        rate = self.trace[0][1]
        for start_s, value in self.trace:
            if start_s > at_s:
                break
            rate = value
        return max(rate, 1.0)


@dataclass(frozen=True)
class Fleet:
    """All nodes, and for each node but the cloud the link to its parent."""

    nodes: tuple[Node, ...]
    links: tuple[tuple[NodeId, Link], ...]  # keyed by the lower end

    def __post_init__(self) -> None:
        ids = [node.id for node in self.nodes]
        if len(set(ids)) != len(ids):
            raise ConfigError(f"node ids must be unique, got {ids}; rename one")
        for node in self.nodes:
            if (node.parent is None) != (node.zone is Zone.CLOUD):
                raise ConfigError(f"node {node.id!r}: every node but the cloud has a parent; set `parent`")
            if node.parent is not None and self.node(node.parent).zone <= node.zone:
                raise ConfigError(f"node {node.id!r}: parent {node.parent!r} must be nearer to the cloud")
            if node.parent is not None:
                self.link(node.id)

    @cached_property
    def _by_id(self) -> dict[NodeId, Node]:  # a fleet of thousands is asked for every message
        return {node.id: node for node in self.nodes}

    @cached_property
    def _above(self) -> dict[NodeId, Link]:
        return dict(reversed(self.links))  # the first of two counts

    def node(self, id: NodeId) -> Node:
        """The node of that name."""
        found = self._by_id.get(id)
        if found is None:
            raise NotFound(f"no node {id!r} in the fleet; there are {[n.id for n in self.nodes]}")
        return found

    def link(self, id: NodeId) -> Link:
        """The link between a node and its parent."""
        found = self._above.get(id)
        if found is None:
            raise NotFound(f"no link above node {id!r}; give it one in the fleet file")
        return found

    def children(self, id: NodeId) -> tuple[Node, ...]:
        """The nodes that dial this one."""
        return tuple(node for node in self.nodes if node.parent == id)

    def zone(self, id: NodeId) -> Zone:
        """Where a node stands."""
        return self.node(id).zone

    def at(self, zone: Zone) -> tuple[Node, ...]:
        """All nodes of a zone, in the order of the file."""
        return tuple(node for node in self.nodes if node.zone is zone)

    @property
    def cloud(self) -> Node:
        """The one node without a parent."""
        return self.at(Zone.CLOUD)[0]
