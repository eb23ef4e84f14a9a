"""What a node's folder says: its file round trips, its sensor and labels are the simulator's, mistakes are named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError, NotFound, Unreachable
from ganglion.core.fleet import Fleet, Link, Node, NodeId, Power
from ganglion.core.label import Tier, Zone
from ganglion.core.plan import Goal
from ganglion.live.admin import NAME as SOCKET
from ganglion.live.admin import AdminClient, socket_path
from ganglion.live.agent_data import read_labels, read_sensor, write_labels, write_sources
from ganglion.live.agent_file import NAME, AgentFile, read_agent_file, write_agent_file
from ganglion.live.agent_tap import Tap, tapped
from ganglion.live.fleet_folder import site_truth
from ganglion.node.tools import Policy
from ganglion.project import Source
from ganglion.protect import Consent, Noise
from ganglion.run import Setup, labels_of, sensor_of

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge"), NodeId("device")
LINK = Link("lte", 1e6, 2e6, 0.04, 0.004, trace=((0.0, 1e6), (5.0, 2e5)))
FLEET = Fleet(
    (
        Node(CLOUD, Zone.CLOUD),
        Node(EDGE, Zone.EDGE, CLOUD, power=Power(4.0, 1e-6)),
        Node(DEVICE, Zone.DEVICE, EDGE, 8.0, 16_000),
    ),
    ((EDGE, LINK), (DEVICE, LINK)),
)
MECHANISMS = st.one_of(
    st.none(),
    st.builds(Consent, st.text(max_size=20), st.text(max_size=20)),
    st.builds(Noise, clip=st.floats(0.1, 10.0), multiplier=st.floats(0.1, 10.0)),
)
FILE = AgentFile(EDGE, FLEET, Policy(), 7, ("127.0.0.1", 0), ("127.0.0.1", 7400))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mechanism=MECHANISMS, risk=st.floats(0.0, 1.0), seed=st.integers(0, 2**53))
def test_what_a_node_is_told_comes_back_as_it_was(
    tmp_path: Path, mechanism: Consent | Noise | None, risk: float, seed: int
) -> None:
    file = replace(FILE, policy=Policy(Goal(risk=risk), mechanism=mechanism), seed=seed)
    write_agent_file(tmp_path, file)
    assert read_agent_file(tmp_path) == file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sead": 1}, "unknown fields ['sead']"),
        ({"seed": "seven"}, "Expected `int`"),
        ({"seed": None}, "Expected `int`"),
        ({"format": 99}, "format 1"),
        ({"parent": None}, "set `parent`"),
        ({"policy": {"mechanism": {"hope": {}}}}, "'hope' is unknown"),
        ({"policy": {"wanted_labels": "many"}}, "Expected `int`"),
        ({"policy": {"wanted": 3}}, "unknown fields ['wanted']"),
    ],
)
def test_a_mistake_in_a_nodes_file_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    write_agent_file(tmp_path, FILE)
    raw = msgspec.json.decode((tmp_path / NAME).read_bytes())
    (tmp_path / NAME).write_bytes(msgspec.json.encode({**raw, **change}))
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_agent_file(tmp_path)


def test_a_folder_without_a_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="join"):
        read_agent_file(tmp_path)


def test_sensor_and_labels_are_those_of_the_simulator(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    source = Source(chance.random((30, 2, 2)).astype(np.float32), chance.integers(0, 9, 30), chance.integers(0, 4, 30))
    setup = Setup(FLEET, Policy(), "", {DEVICE: {"steady": source}}, label_share=0.4)
    write_sources(tmp_path, setup.sources[DEVICE])
    write_labels(tmp_path, site_truth(setup, EDGE), 7, setup.label_share)

    ours, theirs = read_sensor(tmp_path), sensor_of(setup.sources[DEVICE])
    assert ours is not None
    for number in (0, 29, 30, 1_000_031):
        x, tier = ours("steady", number)
        wanted, wanted_tier = theirs("steady", number)
        assert (x == wanted).all() and tier is wanted_tier
    with pytest.raises(NotFound, match="steady"):
        ours("unknown", 0)

    label, told = read_labels(tmp_path), labels_of(setup, 7)
    assert label is not None
    samples = [f"{DEVICE}/steady/{number}" for number in (*range(300), *range(1_000_000, 1_000_100))]
    assert [label(sample) for sample in samples] == [told(sample) for sample in samples]
    assert 0.3 < np.mean([label(sample) is not None for sample in samples]) < 0.5
    assert label("device/asked/99-1") is None and label("nonsense") is None


def test_a_devices_file_holds_no_labels(tmp_path: Path) -> None:
    write_sources(tmp_path, {"steady": Source(np.zeros((3, 2)), np.arange(3), np.full(3, int(Tier.USER)))})
    assert read_labels(tmp_path) is None
    raw = (tmp_path / "sources.safetensors").read_bytes()
    assert b"steady/x" in raw and b"steady/y" not in raw


def test_nobody_listening_is_said_with_the_folder_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=f"{re.escape(str(tmp_path))}.*ganglion up"):
        AdminClient(tmp_path)


def test_a_socket_in_a_deep_folder_has_a_short_path(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["folder-with-a-name"] * 9)
    deep.mkdir(parents=True)
    (deep / SOCKET).write_bytes(b"here")
    with socket_path(deep) as path:
        assert len(path) < 60 and Path(path).read_bytes() == b"here"


@given(st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=200)), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tap_gives_back_what_it_took(tmp_path: Path, frames: list[tuple[str, bytes]]) -> None:
    path = tmp_path / "tap.bin"
    path.unlink(missing_ok=True)
    with Tap(path) as tap:
        for peer, frame in frames:
            tap(NodeId(peer), memoryview(frame))
    assert list(tapped(path)) == frames
    path.write_bytes(path.read_bytes()[:-1])  # the node was killed in the middle of a frame
    assert list(tapped(path)) == frames[:-1]
