"""The ways that a plan is compared with in the benches `oracle` and `uplinks`: all at one end, and others' planners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.cut import Cut
from ..core.fleet import Link, Node, NodeId
from ..core.label import Zone
from ..core.probability import Floats
from ..core.rng import stream
from ..plan.cut import (
    Costs,
    LayerTimes,
    Limits,
    Places,
    Split,
    best_static,
    dads,
    neurosurgeon,
    random_cut,
    split,
)
from .oracle_pictures import coded
from .oracle_stages import WIRES, Staged
from .oracle_wire import JPEG, Arm

DEVICE, CLOUD = NodeId("device"), NodeId("cloud")


def places(slow: float, link: Link) -> Places:
    """A device so many times slower than the cloud, and the link between them."""
    hosts = Node(DEVICE, Zone.DEVICE, CLOUD, slow), Node(CLOUD, Zone.CLOUD)
    return Places(hosts, (link,))


def plan(net: Staged, slow: float, link: Link) -> Split:
    """What ganglion's planner says, from anchors."""
    return split([net.chain], places(slow, link), Limits())


def arm_of(net: Staged, found: Split) -> Arm:
    """A plan as a way to run."""
    wire = found.wires[0]
    return Arm(net.segments.cut(found.cut), wire.codec if wire else WIRES[0].codec)


def jpeg_bytes(net: Staged, seed: int) -> int:
    """Of real pictures of the network's size, as JPEG or WebP at equal accuracy."""
    shapes = [like.shape for like in net.made.example.values()]
    return sum(coded(shape[-2], shape[-1], seed).size_bytes for shape in shapes)


def baselines(net: Staged, slow: float, link: Link, conditions: Sequence[Places], seed: int) -> dict[str, Arm]:
    """By name. All may send 8 bits per number, and pixels as bytes; each planner has measurements of this network."""
    first, last, one = net.cuts[0], net.cuts[-1], places(slow, link)
    rng = stream(seed, "random cut", net.name, link.name, str(slow))
    static = best_static(net.chain, conditions, Limits())[0]
    layers = neurosurgeon(net.chain, predicted(net), one, Limits())
    return {
        "device": Arm(last, "u8"),
        "cloud_u8": Arm(first, "u8"),
        "cloud_jpeg": Arm(first, JPEG, jpeg_bytes(net, seed)),
        "neurosurgeon": arm_of(net, layers),
        "dads": Arm(dads_cut(net, slow, link, 1), "u8"),
        "static": arm_of(net, static),
        "random": arm_of(net, random_cut(net.chain, one, Limits(), rng)),
    }


def predicted(net: Staged) -> Floats:
    """Seconds of each segment as Neurosurgeon's regressions have them, fitted on this very network's kernels."""
    kernels = net.made.model.kernels
    return net.segments.sum(LayerTimes.fit(kernels, net.alone)(kernels))


def dads_cut(net: Staged, slow: float, link: Link, number_bytes: int) -> Cut:
    """Where DADS would cut, from times of kernels by themselves; so many bytes per number cross."""
    model = net.made.model
    sizes = [*model.input_bytes, *(kernel.out_bytes for kernel in model.kernels)]
    send = np.array(sizes, np.float64)[:, None] * number_bytes / 4 / link.up_bytes_s
    compute = np.stack([slow * net.alone, net.alone], axis=1)
    costs = Costs(compute, send, np.array([2 * link.delay_s]), np.ones(len(model.kernels)))
    cut, _ = dads(net.segments.graph, costs, costs)
    return cut
