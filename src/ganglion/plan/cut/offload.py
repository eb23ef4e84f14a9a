"""The best way over every row of hosts that a fleet offers a node: binary, partial, hierarchical and peer offloading.

All or nothing is `Limits.whole`, partial is a row of two, hierarchical a row up the tree, and a peer is a host beside.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import ConfigError
from ...core.fleet import Fleet, NodeId
from .chain import Chain
from .places import Peer, paths
from .split import Limits, Split, split, value


def offload(
    chains: Sequence[Chain], fleet: Fleet, start: NodeId, limits: Limits, peers: Sequence[Peer] = (), longest: int = 4
) -> tuple[Split, ...]:
    """The best way over each row of at most `longest` hosts, best first; the shorter row of equal ones.

    Raises ConfigError if no row keeps the limits.
    """
    found = []
    for row in paths(fleet, start, tuple(peers), longest):
        try:
            found.append(split(chains, row, limits))
        except ConfigError as error:
            reason = error
    if not found:
        raise ConfigError(f"node {start} finds no way to run {[chain.variant for chain in chains]}: {reason}")
    return tuple(sorted(found, key=lambda one: (value(one.figures, limits), len(one.hosts))))
