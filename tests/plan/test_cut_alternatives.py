"""Ways to change to: each is a line over the rate that agrees with its bill, and no other way is ever better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganglion.core.fleet import Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.rng import stream
from ganglion.plan.cut import Chain, Limits, Places, Wire, alternatives, round_trip_s, split
from ganglion.plan.cut.alternatives import LOADS

CAMERA, EDGE, CLOUD = NodeId("camera"), NodeId("edge"), NodeId("cloud")
HOSTS = (Node(CAMERA, Zone.DEVICE, EDGE, 8.0), Node(EDGE, Zone.EDGE, CLOUD), Node(CLOUD, Zone.CLOUD, None, 0.5))
LINKS = (Link("wifi", 1e6, 2e6, 0.004, 0.001), Link("wan", 3e6, 6e6, 0.02))


def chain(seed: int, segments: int = 6) -> Chain:
    """Tensors that shrink, two ways to write them."""
    rng = stream(seed, "chain")
    sizes = np.sort(rng.uniform(2e3, 4e5, segments))[::-1]
    shares = np.zeros((1, segments))
    shares[0, -1] = 1.0
    return Chain(
        "one", "m", tuple(f"t{at}" for at in range(segments)), rng.uniform(1e-3, 2e-2, segments),
        (Wire(32, "raw"), Wire(8, "u8")), np.stack([sizes, sizes / 4]), rng.uniform(0, 1e-3, (2, 2, segments)),
        np.zeros((1, 2, segments)), ((),), shares, np.ones(1), np.ones(segments), np.ones(segments),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_a_line_is_what_its_way_takes_and_some_line_is_always_the_best(seed: int) -> None:
    made, places = chain(seed), Places(HOSTS, LINKS)
    found = alternatives([made], places, Limits())
    assert len(found) > 1
    assert [one.sent_bytes for one in found] == sorted(one.sent_bytes for one in found)
    assert found[0].sent_bytes == 0.0  # at no rate at all, only what needs no link is left
    back_s = round_trip_s(made, places)
    for one in found:
        line_s = one.near_s + one.far_s + (back_s + one.sent_bytes / LINKS[0].up_bytes_s if one.sent_bytes else 0.0)
        assert line_s == pytest.approx(one.split.figures.latency_s)
    for rate in (2e3, 5e4, 1e6, 3e7):
        for load in LOADS:
            hosts = tuple(replace(host, slowdown=host.slowdown * (load if at else 1)) for at, host in enumerate(HOSTS))
            exact = split([made], Places(hosts, (replace(LINKS[0], up_bytes_s=rate), LINKS[1])), Limits())
            assert any(one.split.cut == exact.cut and one.split.wires == exact.wires for one in found)


def test_without_a_link_there_is_nothing_to_change_to() -> None:
    assert alternatives([chain(0)], Places(HOSTS[:1], ()), Limits()) == ()
