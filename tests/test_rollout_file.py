"""rollout.toml: rings by name, label and share, the rule of each, and what is said about a file that will not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.cli.rollout import declared_rings
from ganglion.core.errors import ConfigError
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.flow.rollout.rule import Rule, surely
from ganglion.project.rollout import FILE, Rings, plain_rings, read_rollout, schedule

EDGES = tuple(NodeId(f"{place}-{number}") for place in ("north", "south") for number in range(1, 6))
CLOUD = NodeId("cloud")


def fleet() -> Fleet:
    link = Link("lan", 1e6, 1e6, 0.01)
    nodes = (Node(CLOUD, Zone.CLOUD), *(Node(edge, Zone.EDGE, CLOUD) for edge in EDGES))
    return Fleet(nodes, tuple((edge, link) for edge in EDGES))


def read(folder: Path, text: str) -> Rings:
    (folder / FILE).write_text(text)
    return read_rollout(folder / FILE, fleet())


FOUR = """
patience_s = 300
[labels]
cold = ["north-*"]
[[ring]]
name = "canary"
nodes = ["north-1"]
least = 1
soak_s = 600
[[ring]]
name = "cold"
labels = ["cold"]
share = 0.6
error = 0.1
[[ring]]
name = "half"
share = 0.5
[[ring]]
name = "fleet"
share = 1.0
shadow = false
patience_s = 60
"""


def test_rings_by_name_label_and_share(tmp_path: Path) -> None:
    rings = read(tmp_path, FOUR)
    assert rings.nodes[0] == ("north-1",)
    assert [len(ring) for ring in rings.nodes] == [1, 2, 2, 5]  # 3 of 5 in the north, 5 of 10, all
    assert all(edge.startswith("north") for edge in rings.nodes[1])
    assert sorted(edge for ring in rings.nodes for edge in ring) == sorted(EDGES)
    assert rings.rules[0] == Rule("canary", least=1, soak_s=600.0, patience_s=300.0)
    assert rings.rules[3] == Rule("fleet", shadow=False, patience_s=60.0)


def test_another_seed_chooses_others_and_the_same_one_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, FOUR) == read(tmp_path, FOUR)
    chosen = {read(tmp_path, f'seed = "{seed}"\n{FOUR}').nodes[1] for seed in range(12)}
    assert len(chosen) > 1


def test_a_schedule_says_who_would_get_it_when(tmp_path: Path) -> None:
    rows = schedule(read(tmp_path, FOUR))
    assert [row["from_s"] for row in rows] == [0.0, 600.0, 600.0, 600.0]
    assert [row["at_latest_s"] for row in rows] == [300.0, 1200.0, 1500.0, 1800.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[ring]]\nname = "a"\nshare = 1.0\nsoack_s = 1', "did you mean 'soak_s'"),
        ('[[ring]]\nname = "a"\nnodes = ["nort-1"]', "did you mean 'north-1'"),
        ('[labels]\ncold = ["north-*"]\n[[ring]]\nname = "a"\nlabels = ["cald"]', "did you mean 'cold'"),
        ('[[ring]]\nname = "a"\nshare = 1.5', "it must be between 0 and 1"),
        ('[[ring]]\nname = "a"\nshare = 0.5', "they would never get it"),
        ('[[ring]]\nname = "a"\nshare = 1.0\n[[ring]]\nname = "b"\nshare = 1.0', "is empty"),
        ('[[ring]]\nname = "a"', "names nobody"),
        ('[[ring]]\nname = "a"\nshare = 1.0\nleast = 11', "the ring has 10 nodes"),
        ('[[ring]]\nname = "a"\nshare = 1.0\nsuccess = 0.9', "do not show that at level 0.95"),
        ('[[ring]]\nname = "a"\nshare = 1.0\nshadow = "yes"', "true or false"),
        ('[[ring]]\nname = "a"\nshare = 1.0\nleast = 1.5', "a whole number"),
        ("patience_s = 1", "no ring in"),
        ("[[ring]]\nshare = 1.0", "has no name"),
    ],
)
def test_what_will_not_do_is_said_with_its_remedy(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, text)


def test_without_a_file_the_first_edge_is_the_canary() -> None:
    rings = plain_rings(fleet())
    assert rings.nodes == (EDGES[:1], EDGES[1:]) and rings.rules[0].least == 1 and not rings.rules[0].shadow


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 0.999))
def test_a_bound_lies_below_the_share_and_rises_with_hits(hits: int, more: int, level: float) -> None:
    trials = hits + more
    bound = surely(hits, trials, level)
    assert 0.0 <= bound <= (hits / trials if trials else 0.0) + 1e-12
    if trials:
        assert surely(hits + 1, trials + 1, level) >= bound - 1e-12


def test_unreached_nodes_are_neither_success_nor_failure() -> None:
    rule = Rule(error=0.2, least=2)
    assert rule.enough(2, 0) and not rule.enough(1, 0)
    assert not rule.refusal(0, 1, 10)  # one of one is no evidence of more than a fifth
    assert rule.refusal(0, 2, 10) and rule.refusal(1, 4, 10)
    assert rule.refusal(0, 9, 10).startswith("9 of 9")
    assert Rule(error=1.0, least=2).refusal(0, 9, 10).startswith("1 of 10 are left")


def test_a_projects_own_file_decides_where_there_is_one(tmp_path: Path) -> None:
    assert declared_rings(tmp_path, fleet()) == ((EDGES[:1], EDGES[1:]), ())
    rings = read(tmp_path, FOUR)
    assert declared_rings(tmp_path, fleet()) == (rings.nodes, rings.rules)
