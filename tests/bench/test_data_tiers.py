"""The judge of the walk agrees with the table, planted holes are found, and two labels never share one blob."""

from __future__ import annotations

import pytest

from ganglion.bench.data_tiers import HOLES, holed, plant
from ganglion.bench.data_tiers_judge import Judge, allowed
from ganglion.bench.data_tiers_walk import Walk
from ganglion.core.facts import Hard
from ganglion.core.fleet import NodeId
from ganglion.core.label import REACH, Form, Label, Tier, Zone, may_enter
from ganglion.core.process import Do, Told, Woke
from ganglion.core.ref import Ref
from ganglion.flow.deliver.messages import Store
from ganglion.flow.deliver.node import Deliver


def test_the_rule_written_twice_is_one_rule() -> None:
    for tier in Tier:
        for form in Form:
            for zone in Zone:
                assert allowed(Label(tier, form), zone) == may_enter(Label(tier, form), zone), (tier, form, zone)


def test_every_hole_is_one_and_the_table_stays_as_it_is() -> None:
    before = dict(REACH)
    for hole in HOLES:
        tier, form, zone = hole
        assert zone > REACH[tier][form]
        assert sum(a != b for each in Tier for a, b in zip(holed(hole)[each], REACH[each], strict=True)) == 1
    assert before == REACH


def test_the_judge_sees_a_canary_amid_other_bytes_and_a_device_that_is_not_its_own() -> None:
    judge = Judge()
    raw = judge.make(Label(Tier.USER, Form.RAW), frozenset(("a1",)))
    judge.link("a1", Zone.DEVICE, b"xx" + raw + b"yy")
    assert (judge.leaks, judge.seen) == ([], 1)
    judge.link("a2", Zone.DEVICE, raw)
    judge.link("a", Zone.EDGE, raw)
    judge.rest("cloud", Zone.CLOUD, raw)
    assert len(judge.leaks) == 3


def test_a_walk_moves_data_and_no_private_byte_goes_astray() -> None:
    walk = Walk(7)
    for _ in range(2000):
        walk.step()
    walk.settle()
    assert walk.judge.seen > 100 and walk.denied > 50
    assert walk.judge.leaks == [] and walk.wires.violations == []


@pytest.mark.parametrize("hole", HOLES[3:5])
def test_a_planted_hole_is_found(hole: tuple[Tier, Form, Zone]) -> None:
    row = plant(hole, 7)
    assert row["ok"] and row["found"] and row["first"]


def test_samples_under_two_labels_are_handed_on_apart() -> None:
    """The walk found them in one blob, under the label of whichever came first."""
    flow = Deliver(NodeId("cloud"), Zone.CLOUD)
    counts, raw = (Ref(f"~a/{form}", 4, Label(Tier.EDGE, form)) for form in (Form.STATISTIC, Form.RAW))
    public = Ref("~a/public", 4, Label(Tier.PUBLIC, Form.RAW))
    derived = Ref("~a/derived", 4, Label(Tier.PUBLIC, Form.UPDATE))
    for ref in (counts, raw, public, derived):
        flow.on(Told(Hard(ref.digest, ref)), 0.0)
    stores = [command.work for command in flow.on(Woke("store"), 1.0) if isinstance(command, Do)]
    assert [[ref for _, ref in store.samples] for store in stores if isinstance(store, Store)] == [
        [public], [derived], [counts],
    ]  # fmt: skip
