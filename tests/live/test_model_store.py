"""The model store tells lineage and keeps aliases; the collector drops what nothing names, and never anything else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError, NotFound
from ganglion.core.facts import Audited
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, PUBLIC_UPDATE, Form, Label, Tier
from ganglion.core.plan import Plan
from ganglion.core.ports import Change, Put
from ganglion.core.process import Began, Done, Heard
from ganglion.core.ref import Ref
from ganglion.core.release import Release, Signed, StageGraph
from ganglion.core.update import Counted
from ganglion.flow.audit.messages import Log
from ganglion.flow.install.messages import Activate
from ganglion.flow.round.messages import Learnt, Weights
from ganglion.flow.round.server import Round
from ganglion.live.disk import LiveDisk
from ganglion.live.disk.collect import Collected, Collector, Quotas, collect
from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.vault import LocalVault
from ganglion.live.models import APPROVED, ModelStore
from ganglion.live.tidy import refs_in
from ganglion.node.bodies import make_codec
from ganglion.node.journal import Slot, record, snapshot
from ganglion.protect import entry

CODEC = make_codec()
EDGE_RAW = Label(Tier.EDGE, Form.RAW)
LATER_S = time.time() + 10 * 86_400.0  # by then every blob is older than the grace


class Node:
    """A disk with releases on it."""

    def __init__(self, folder: Path) -> None:
        create_authority(folder)
        self.vault = LocalVault(folder)
        self.folder = folder / "state"
        self.disk = LiveDisk(self.folder, self.vault, lambda call: call())
        self.store = ModelStore(self.disk, CODEC)

    def commit(self, *changes: Change) -> None:
        """Waits until it is on the disk."""
        written = threading.Event()
        self.disk.commit(list(changes), written.set)
        assert written.wait(10.0)

    def release(self, counter: int, parent: int = 0, trigger: str = "first") -> Release:
        """Puts one into the store."""

        def put(what: str) -> Ref:
            return self.disk.put([f"{what} of {counter}".encode() * 50], PUBLIC_UPDATE)

        stored, graph, x, y = (put(what) for what in ("stored", "graph", "x", "y"))
        made = Release(
            name="model", counter=counter, parent=parent, trigger=trigger, weights=put("weights"),
            replay=put("replay"), stored=stored, graphs=(StageGraph(0, 1, graph, 1),),
            plans=(Plan("best", (), stored.digest),), input_shape=(1,), scale=1.0, classes=2, exits=1,
            confidence=((0.9, 0.1),), features=(), distance=(0.0, 1.0), golden_x=x, golden_y=y, tolerance=0.1,
            evaluation=(("accuracy", 0.9),),
        )  # fmt: skip
        body = CODEC.encode(made)
        manifest = self.disk.put([CODEC.encode(Signed(body, self.vault.sign(body)))], PUBLIC_UPDATE)
        self.commit(Put("releases", str(counter), CODEC.encode(Activate(counter, manifest)), replace=True))
        return made

    def collect(self, collector: Collector, held: tuple[str, ...] = (), now_s: float = LATER_S) -> Collected:
        """One run over every row."""
        found: list[Collected] = []

        def commit(changes: Sequence[Change], tell: Callable[[], None]) -> None:
            self.commit(*changes)
            tell()

        collect(collector, self.disk.everything(), held, commit, found.append, now_s)
        return found[0]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node's disk."""
    made = Node(tmp_path)
    yield made
    made.disk.close()


def test_a_release_is_found_by_counter_alias_and_digest(node: Node) -> None:
    first, _ = node.release(1), node.release(2, parent=1, trigger="drift at edge-1")
    node.commit(*node.store.changes("champion", "1"))
    node.commit(Put("active", "active", CODEC.encode(Activate(2, None))))
    rows = node.store.all().rows
    assert [(row.counter, row.aliases, row.parent, row.active, row.whole) for row in rows] == [
        (2, (), 1, True, True),
        (1, ("champion",), 0, False, True),
    ]
    assert [node.store.counter_of(which) for which in ("2", "champion", first.weights.digest[:12])] == [2, 1, 1]
    node.commit(*node.store.changes("champion", "2"))
    assert node.store.counter_of("champion") == 2
    node.commit(*node.store.changes("champion", ""))
    for which in ("champion", "7", "ab", "f" * 12):
        with pytest.raises(NotFound):
            node.store.counter_of(which)
    for alias in ("7", "", "a/b", "x" * 80):
        with pytest.raises(ConfigError, match="is no alias"):
            node.store.changes(alias, "1")


def test_lineage_names_parents_data_approver_and_what_became_of_it(node: Node) -> None:
    node.release(1)
    base = node.disk.put([b"base"], PUBLIC_UPDATE)
    delta = node.disk.put([b"delta"], PUBLIC_UPDATE)
    slot = Slot(Round(2, base, (NodeId("edge-1"),), 1, 9.0))
    steps = (
        Began(),
        Heard(NodeId("edge-1"), Learnt(2, Counted(delta, 30.0))),
        Done("add", Weights(base)),
    )
    for event in steps:
        node.commit(record(slot, event, 1.0, CODEC))
        slot.flow.on(event, 1.0)
    node.commit(*snapshot(slot, 2.0, CODEC))
    assert slot.over
    act = Log(Audited(APPROVED, "release 2", "alice as owner"), 1.0)
    node.commit(Put("audit", "0", CODEC.encode(entry(None, CODEC.encode(act)))))
    node.release(2, parent=1, trigger="drift at edge-1")
    told = node.store.explain("2")
    assert told.ancestors == (1,) and told.approvers == ("alice as owner",)
    assert ("update of edge-1", delta.digest) in told.data and ("weights before the round", base.digest) in told.data
    assert node.store.explain("1").approvers == ("policy",)


def test_what_nothing_names_goes_once_it_is_old_enough(node: Node) -> None:
    node.release(1)
    lost = node.disk.put([b"nobody knows me"], EDGE_RAW)
    collector = Collector(node.folder, node.disk.get)
    assert node.collect(collector, now_s=time.time()).dropped == 0  # its row may still come
    done = node.collect(collector)
    assert (done.dropped, node.disk.has(lost)) == (1, False)
    assert node.store.all().rows[0].whole and node.store.explain("1")
    assert all(node.disk.get(ref) for ref in node_refs(node, 1))


def node_refs(node: Node, counter: int) -> list[Ref]:
    """Every blob of a release, its manifest, float weights and replay included."""
    activate = [CODEC.decode(row.data) for row in node.disk.scan("releases")]
    manifest = next(one.manifest for one in activate if one.counter == counter)
    signed = CODEC.decode(node.disk.get(manifest))
    return [manifest, *refs_in(CODEC.decode(signed.manifest))]


def test_what_an_open_process_or_memory_names_stays(node: Node) -> None:
    asked, held = node.disk.put([b"asked for"], PUBLIC_UPDATE), node.disk.put([b"held"], PUBLIC_RAW)
    slot = Slot(Round(2, asked, (), 1, 9.0))
    node.commit(record(slot, Began(), 1.0, CODEC))
    collector = Collector(node.folder, node.disk.get)
    assert node.collect(collector, (held.digest,)).dropped == 0
    assert node.disk.has(asked) and node.disk.has(held)
    assert [ref.digest for ref in refs_in((slot.flow, slot.doing))] == [asked.digest]
    assert node.collect(collector).dropped == 1 and node.disk.has(asked)


def test_a_blob_that_is_put_again_is_young_again(node: Node) -> None:
    ref = node.disk.put([b"twice"], PUBLIC_RAW)
    path = node.folder / "blobs" / ref.digest[:2] / ref.digest
    os.utime(path, (1.0, 1.0))
    node.disk.put([b"twice"], PUBLIC_RAW)
    assert node.collect(Collector(node.folder, node.disk.get), now_s=time.time()).dropped == 0
    os.utime(path, (1.0, 1.0))
    assert node.collect(Collector(node.folder, node.disk.get), now_s=time.time()).dropped == 1


def test_over_the_quota_old_releases_are_retired_but_no_named_latest_or_active_one(node: Node) -> None:
    for counter in range(1, 9):
        node.release(counter, parent=counter - 1)
    node.commit(*node.store.changes("safe", "2"))
    manifest = next(CODEC.decode(row.data).manifest for row in node.disk.scan("releases") if row.key == "4")
    node.commit(Put("active", "active", CODEC.encode(Activate(4, manifest))))
    done = node.collect(Collector(node.folder, node.disk.get, Quotas(models_bytes=1), keep=2))
    assert set(done.retired) == {"1", "3", "5", "6"} and done.over == ("models",)
    assert [row.counter for row in node.store.all().rows] == [8, 7, 4, 2]
    assert all(row.whole for row in node.store.all().rows)
    assert node.collect(Collector(node.folder, node.disk.get)).retired == ()


def test_over_the_quota_the_oldest_samples_go_and_what_is_promised_stays(node: Node) -> None:
    kept = [node.disk.put([bytes([n]) * 1000], EDGE_RAW) for n in range(5)]
    for ref in kept:
        node.commit(Put("kept", ref.digest, CODEC.encode(Weights(ref))))
    promised = node.disk.put([b"promised" * 500], EDGE_RAW)
    node.commit(Put("outbox", "cloud/1", CODEC.encode(Weights(promised))))
    done = node.collect(Collector(node.folder, node.disk.get, Quotas(samples_bytes=2500, promised_bytes=1)))
    assert [node.disk.has(ref) for ref in kept] == [False, False, False, True, True]
    assert [row.key for row in node.disk.scan("kept")] == [ref.digest for ref in kept[3:]]
    assert node.disk.has(promised) and done.over == ("promised",)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12), roots=st.sets(st.integers(0, 7)))
def test_exactly_what_can_be_reached_is_kept(tmp_path_factory: pytest.TempPathFactory, names: list[tuple[int, int]], roots: set[int]) -> None:  # fmt: skip # noqa: E501
    """Blobs that name blobs: the collector agrees with a plain walk. A blob can only name one that was made before."""
    folder = tmp_path_factory.mktemp("blobs")
    disk = LiveDisk(folder, None, lambda call: call())
    made: list[Ref] = []
    for place in range(8):
        inside = [made[to].digest for at, to in names if at == place and to < place]
        made.append(disk.put([f"{place} {' '.join(inside)}".encode()], PUBLIC_RAW))
    rows = [("any", str(root), made[root].digest.encode()) for root in roots]
    reached, waiting = set(), list(roots)
    while waiting:
        place = waiting.pop()
        reached.add(place)
        waiting += [to for at, to in names if at == place and to < place and to not in reached]
    collect(Collector(folder, disk.get), rows, (), lambda changes, tell: tell(), lambda done: None, LATER_S)
    assert {place for place, ref in enumerate(made) if disk.has(ref)} == reached
    disk.close()


@pytest.mark.parametrize("size_bytes", [5, 48, 57, 97, 102, 200])
def test_a_digest_is_seen_whatever_stands_beside_it(node: Node, size_bytes: int) -> None:
    """In the codec a small size is one byte, right after the digest, and 97 is the letter a."""
    ref = node.disk.put([b"x" * size_bytes], PUBLIC_RAW)
    node.commit(Put("any", "row", CODEC.encode(Weights(ref))))
    assert node.collect(Collector(node.folder, node.disk.get)).dropped == 0
