"""A fleet file says what it says; whatever is wrong with it is named with its remedy and ends a command with 2."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.config import LINKS, MBIT_BYTES, NODE, Address, Declared, read_fleet
from ganglion.core.errors import ConfigError, NotFound
from ganglion.core.fleet import NodeId
from ganglion.core.label import Tier, Zone
from ganglion.core.plan import Goal
from ganglion.core.table import Table, closest
from ganglion.node.tools import Policy
from ganglion.protect import Consent, Noise

FLEET = """
[[node]]
id = "cloud"
zone = "cloud"
address = "cloud.example:7400"

[[node]]
id = "edge-a"
zone = "edge"
parent = "cloud"
link = "lte"
busy_w = 4.0

[[node]]
id = "a1"
zone = "device"
parent = "edge-a"
link = "site"
slowdown = 8
memory_bytes = 16000

[link.site]
up_mbit_s = 8.0
down_mbit_s = 16.0
delay_ms = 5.0

[tiers]
public = 0.5
user = 0.5

[policy]
wanted_labels = 60
label_share = 0.25

[declassify]
mechanism = "noise"
clip = 1.0
multiplier = 2.0
"""
TABLES = {  # header -> the keys that may stand below it
    'id = "a1"': NODE,
    "[link.site]": ("up_mbit_s", "down_mbit_s", "delay_ms", "jitter_ms", "loss", "trace"),
    "[tiers]": tuple(tier.name.lower() for tier in Tier),
    "[policy]": ("wanted_labels", "least_labels", "patience_s", "max_forgetting", "label_share"),
    "[declassify]": ("mechanism", "clip", "multiplier"),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that property tests may write into again and again."""
    return tmp_path_factory.mktemp("fleet")


def read(folder: Path, text: str = FLEET) -> Declared:
    """A fleet file's text, read."""
    file = folder / "fleet.toml"
    file.write_text(text, "utf-8")
    return read_fleet(file)


def changed(line: str, by: str) -> str:
    """The fleet file with one line replaced."""
    assert FLEET.count(f"\n{line}\n") >= 1, line
    return FLEET.replace(f"\n{line}\n", f"\n{by}\n", 1)


def test_a_fleet_file_is_what_it_says(folder: Path) -> None:
    found = read(folder)
    device, edge = found.fleet.node(NodeId("a1")), found.fleet.node(NodeId("edge-a"))
    assert (device.zone, device.parent, device.slowdown, device.memory_bytes) == (Zone.DEVICE, "edge-a", 8.0, 16000)
    assert (edge.power.busy_w, edge.memory_bytes) == (4.0, None)
    assert found.fleet.link(device.id).up_bytes_s == 1e6
    assert found.fleet.link(edge.id).delay_s == LINKS["lte"][2] / 1e3
    assert (found.policy.wanted_labels, found.policy.trial_inputs) == (60, Policy().trial_inputs)
    assert found.policy.mix == ((Tier.PUBLIC, 0.5), (Tier.USER, 0.5))
    assert isinstance(found.policy.mechanism, Noise) and found.policy.mechanism.multiplier == 2.0
    assert (found.label_share, found.addresses) == (0.25, {"cloud": Address("cloud.example", 7400)})


def test_the_goal_is_the_job_s(folder: Path) -> None:
    read(folder)
    assert read_fleet(folder / "fleet.toml", Goal(risk=0.1)).policy.goal.risk == 0.1


def test_without_a_mechanism_nothing_is_declassified(folder: Path) -> None:
    assert read(folder, FLEET[: FLEET.index("[declassify]")]).policy.mechanism is None
    consent = FLEET[: FLEET.index("[declassify]")] + '[declassify]\nmechanism = "consent"\nwho = "me"\npurpose = "it"\n'
    assert read(folder, consent).policy.mechanism == Consent("me", "it")


@pytest.mark.parametrize("name", sorted(LINKS))
def test_every_shipped_link_can_be_named(folder: Path, name: str) -> None:
    link = read(folder, changed('link = "lte"', f'link = "{name}"')).fleet.link(NodeId("edge-a"))
    assert (link.name, link.up_bytes_s) == (name, LINKS[name][0] * MBIT_BYTES)


@settings(max_examples=50)
@given(place=st.sampled_from(sorted(TABLES)), key=st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_any_unknown_key_is_refused(folder: Path, place: str, key: str) -> None:
    known = {*TABLES[place], "label_delay_s", "trial_inputs", "kept_samples", "delta"}
    if key in known:
        return
    with pytest.raises(ConfigError) as caught:
        read(folder, FLEET.replace(f"{place}\n", f"{place}\n{key} = 1\n"))
    assert caught.value.exit_code == 2
    assert f"unknown key {key!r}" in str(caught.value) and "; " in str(caught.value)


@settings(max_examples=50)
@given(data=st.data())
def test_any_misspelt_key_is_set_right(folder: Path, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(sorted(TABLES)))
    key = data.draw(st.sampled_from([key for key in TABLES[place] if len(key) > 3]))
    cut = data.draw(st.integers(0, len(key) - 1))
    misspelt = key[:cut] + key[cut + 1 :]
    if misspelt in TABLES[place]:
        return
    with pytest.raises(ConfigError, match=f"unknown key '{misspelt}'.*did you mean"):
        read(folder, FLEET.replace(f"{place}\n", f"{place}\n{misspelt} = 1\n"))


@pytest.mark.parametrize(
    ("line", "by", "said"),
    [
        ('parent = "edge-a"', 'parent = "egde-a"', "parent = 'egde-a'.*did you mean 'edge-a'"),
        ('link = "lte"', 'link = "ltr"', "link = 'ltr'.*5g, dsl, ethernet, lte, site, wifi; did you mean 'lte'"),
        ('zone = "edge"', 'zone = "egde"', "zone = 'egde'.*cloud, device, edge; did you mean 'edge'"),
        ('link = "lte"', "", "has no link: it is needed"),
        ("slowdown = 8", 'slowdown = "8"', "slowdown = '8'.*must be a number; such as"),
        ("slowdown = 8", "slowdown = true", "slowdown = True.*must be a number"),
        ("slowdown = 8", "slowdown = nan", "slowdown = nan.*must be a number"),
        ("slowdown = 8", "slowdown = 0", "slowdown = 0 .*must be between 0.01 and 10000"),
        ("memory_bytes = 16000", "memory_bytes = 1.5", "memory_bytes = 1.5.*whole number"),
        ("memory_bytes = 16000", "memory_bytes = -1", "memory_bytes = -1.*between 1 and"),
        ('id = "a1"', 'id = "edge-a"', "id = 'edge-a'.*another node has that id"),
        ('id = "a1"', 'id = "a 1"', "id = 'a 1'.*rename the node"),
        ('parent = "edge-a"', 'parent = "a1"', "cannot be below one of zone device"),
        ('zone = "cloud"', 'zone = "cloud"\nparent = "edge-a"', "the cloud has nothing above it; remove that line"),
        ('zone = "edge"', 'zone = "cloud"', "the cloud has nothing above it"),
        ('zone = "device"', 'zone = "edge"', "a node of zone edge cannot be below one of zone edge"),
        ('address = "cloud.example:7400"', 'address = "cloud.example"', "host:port"),
        ('address = "cloud.example:7400"', 'address = "cloud.example:99999"', "port below 65536"),
        ("up_mbit_s = 8.0", "up_mbit_s = 0", "up_mbit_s = 0 .*between 0.001"),
        ("up_mbit_s = 8.0", "", r"\[link.site\] has no up_mbit_s"),
        ("delay_ms = 5.0", "delay_ms = 5.0\nloss = 0.9", "loss = 0.9.*between 0 and 0.5"),
        ("public = 0.5", "public = 0.4", "add up to 1"),
        ('mechanism = "noise"', 'mechanism = "nosie"', "did you mean 'noise'"),
        ("clip = 1.0", "clip = 0", "clip = 0 .*at least"),
        ('mechanism = "noise"', 'mechanism = "consent"', "unknown key 'clip'"),
        ("label_share = 0.25", "label_share = 2", "between 0 and 1"),
        ("[policy]", "[polcy]", "unknown key 'polcy'.*did you mean 'policy'"),
        ("[[node]]", "[[nodes]]", "unknown key 'nodes'.*did you mean 'node'"),
        ("[link.site]", "[link.site", "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, line: str, by: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(folder, changed(line, by))
    assert str(folder / "fleet.toml") in str(caught.value)


def test_a_fleet_needs_a_cloud_and_a_device(folder: Path) -> None:
    with pytest.raises(ConfigError, match="0 clouds"):
        read(folder, "")
    with pytest.raises(ConfigError, match="no device"):
        read(folder, FLEET[: FLEET.index('[[node]]\nid = "a1"')])


def test_a_table_in_the_place_of_another_kind_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="it must be an array of tables"):
        read(folder, "[node]\nid = 'cloud'\n")
    with pytest.raises(ConfigError, match="it must be a table"):
        read(folder, "policy = 1\n" + FLEET[: FLEET.index("[policy]")])


def test_a_trace_replaces_the_rate(folder: Path) -> None:
    (folder / "train.txt").write_text("# s Mbit/s\n10 8\n11, 16\n12 0\n", "utf-8")
    link = read(folder, changed("up_mbit_s = 8.0", 'trace = "train.txt"')).fleet.link(NodeId("a1"))
    assert [link.up_at(at_s) for at_s in (0.0, 1.0, 2.5)] == [1e6, 2e6, 1e6]
    assert link.up_bytes_s == pytest.approx(1e6, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 x\n", "is no rate"), ("2 1\n1 1\n", "sort it by time"), ("1 1\n", "needs two"), ("", "needs two")],
)
def test_a_trace_that_is_none_is_named_by_its_line(folder: Path, text: str, said: str) -> None:
    (folder / "train.txt").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said):
        read(folder, changed("up_mbit_s = 8.0", 'trace = "train.txt"'))


def test_what_is_not_there_is_not_found(folder: Path) -> None:
    with pytest.raises(NotFound, match="no trace"):
        read(folder, changed("up_mbit_s = 8.0", 'trace = "nowhere.txt"'))
    with pytest.raises(NotFound, match=r"no file .*none.toml"):
        read_fleet(folder / "none.toml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=2)
    ),
)


@given(value=VALUES)
def test_no_value_gets_past_its_type(value: Any) -> None:
    table = Table("file", "[x]", {} if value is None else {"key": value})
    for read_key, kinds in ((table.text, str), (table.number, (int, float)), (table.whole, (int, float))):
        try:
            assert isinstance(read_key("key"), kinds)
        except ConfigError as error:
            assert "key" in str(error) and "file [x]" in str(error)


def test_the_shipped_template_is_a_fleet(package: Path) -> None:
    found = read_fleet(package / "template" / "fleet.toml")
    assert [len(found.fleet.at(zone)) for zone in Zone] == [2, 1, 1]
    named = set(re.findall(r"\w+", (package / "template" / "fleet.toml").read_text("utf-8")))
    assert set(LINKS) <= named, "the template names every shipped link"


def test_closest_helps_only_where_it_can() -> None:
    assert closest("gaol", ["goal", "node"]) == "did you mean 'goal'?"
    assert closest("xyzzy", ["goal", "node"]) == "use one of goal, node"
    assert tomllib.loads(FLEET)
