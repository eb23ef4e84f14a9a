"""The same question to real processes: what every node's tap saw just before encryption, searched for samples."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Unreachable
from ..core.facts import Answered, Hard
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Tier, Zone
from ..core.rng import stream
from ..demo.privacy import Capture, forms, search
from ..flow.deliver.messages import Delivered
from ..live.admin import AdminClient
from ..live.agent_tap import tapped
from ..live.fleet_folder import TAP
from ..live.supervisor import LiveFleet
from ..node.tools import Policy
from ..project import resolve
from ..run import Setup

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge"), NodeId("device")
FAST = Link("fast", 1e8, 1e8, 0.001)
FEATURES = 30  # of the template's samples
EACH = 12  # samples of every tier
PATIENCE_S = 30.0
SPEC = str(Path(__file__).parents[1] / "template")
Result = dict[str, Any]
Samples = dict[Tier, list[NDArray[np.float32]]]


def on_the_wire(seed: int) -> Result:
    """One row. Public samples must be found on both links, or the search is blind; edge-private ones on the site's."""
    fleet = Fleet(
        (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD), Node(DEVICE, Zone.DEVICE, EDGE)),
        ((EDGE, FAST), (DEVICE, FAST)),
    )
    setup = Setup(fleet, Policy(), SPEC, {DEVICE: resolve(SPEC).streams(DEVICE)})
    rng = stream(seed, "wire")
    samples: Samples = {
        tier: [rng.normal(size=FEATURES).astype(np.float32) for _ in range(EACH)]
        for tier in (Tier.PUBLIC, Tier.EDGE, Tier.USER)
    }
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-tiers-") as name,
        LiveFleet(setup, Path(name) / "fleet", seed, tap=True) as world,
    ):
        expected = _hand_on(world, samples)
        frames = [(at, peer, frame) for at in (CLOUD, EDGE, DEVICE) for peer, frame in tapped(world.folder / at / TAP)]
    beyond = [frame for at, peer, frame in frames if CLOUD in (at, peer)]
    site = [frame for at, peer, frame in frames if DEVICE in (at, peer)]
    found = {
        (where, tier): _found(seen, samples[tier])
        for where, seen in (("beyond", beyond), ("site", site))
        for tier in samples
    }
    private = found["beyond", Tier.EDGE] + found["beyond", Tier.USER] + found["site", Tier.USER]
    controls = [found["beyond", Tier.PUBLIC], found["site", Tier.PUBLIC], found["site", Tier.EDGE]]
    return {
        "what": "live: every frame before encryption",
        "steps": expected,
        "canaries": len(frames),
        "found": private,
        "first": f"controls found: {controls}",
        "bar": "no private window beyond its zone; public ones on both links, edge-private ones on the site's",
        "ok": private == 0 and min(controls) > 0,
    }


def _hand_on(world: LiveFleet, samples: Samples) -> int:
    """Every sample is asked about and called hard, so that it goes as far as it may; waits until all have."""
    with AdminClient(world.folder / DEVICE) as client:
        for tier, drawn in samples.items():
            for x in drawn:
                since = len(world.facts)
                with suppress(Unreachable):  # nobody has a release: the sample is asked about as far as it may go
                    client.infer(x, tier)
                done = world.wait(lambda node, body: node == DEVICE and isinstance(body, Answered), PATIENCE_S, since)
                world.tell(DEVICE, Hard(done.answer.sample, done.x))
    wanted = {CLOUD: EACH, EDGE: 2 * EACH}
    until_s = time.monotonic() + PATIENCE_S
    while any(_delivered(world, node) < count for node, count in wanted.items()):
        if time.monotonic() > until_s:
            raise Unreachable(f"samples came to {[(n, _delivered(world, n)) for n in wanted]}, expected {wanted}")
        world.rest(0.1)
    return sum(map(len, samples.values()))


def _delivered(world: LiveFleet, at: NodeId) -> int:
    return sum(node == at and isinstance(body, Delivered) for _, node, body in world.facts)


def _found(frames: Iterable[bytes], samples: Iterable[NDArray[np.float32]]) -> int:
    """Windows of samples, in any form, that were captured."""
    return search(Capture(list(frames)), (forms(x, 1.0, x.tobytes()) for x in samples))[1]
