"""What was audited goes to the cloud's log too: a few acts together, a flood as a number, and no budget twice."""

from __future__ import annotations

from ganglion.core.facts import Audited, Denied, Missed
from ganglion.core.fleet import NodeId
from ganglion.core.process import Began, Heard, Ignored, Send, Tell, Told, Wake, Woke
from ganglion.flow.audit.entrust import ACTS, SOON_S, Entrust
from ganglion.flow.audit.messages import Entrusted

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge-1"), NodeId("device-1")
SPENT = Audited("declassify", "abc", "noise(clip=1)", 0.5, 1e-5)
NO = Denied("send", "Piece", CLOUD, "edge-private")
LOGGED_NO = Audited("denied at send", "Piece cloud", "edge-private")


def test_acts_of_a_while_go_up_together_and_once() -> None:
    flow = Entrust(EDGE, CLOUD)
    assert flow.on(Began(), 0.0) == []
    assert flow.on(Told(SPENT), 5.0) == [Wake("hand up", 5.0 + SOON_S)]
    assert flow.on(Told(NO), 6.0) == []
    assert flow.on(Told(Missed(DEVICE, 3, 5, 7, 100, "full")), 7.0) == []
    missed = Audited("missed", "7 items, numbers 3 to 5 of device-1", "full")
    assert flow.on(Woke("hand up"), 15.0) == [Send(CLOUD, Entrusted(EDGE, (SPENT, LOGGED_NO, missed), 0))]
    assert flow.on(Told(NO), 16.0) == [Wake("hand up", 16.0 + SOON_S)]
    assert flow.on(Woke("hand up"), 26.0) == [Send(CLOUD, Entrusted(EDGE, (LOGGED_NO,), 0))]


def test_a_flood_is_a_number() -> None:
    flow = Entrust(EDGE, CLOUD)
    for turn in range(10 * ACTS):
        flow.on(Told(NO), float(turn))
    (sent,) = flow.on(Woke("hand up"), 1000.0)
    assert isinstance(sent, Send) and sent.body == Entrusted(EDGE, (LOGGED_NO,) * ACTS, 9 * ACTS)
    assert flow.acts == () and flow.more == 0


def test_an_edge_hands_on_what_its_device_says() -> None:
    told = Entrusted(DEVICE, (SPENT,), 2)
    assert Entrust(EDGE, CLOUD).on(Heard(DEVICE, told), 0.0) == [Send(CLOUD, told)]


def test_the_cloud_keeps_a_copy_that_no_budget_counts_and_hands_up_nothing() -> None:
    flow = Entrust(CLOUD, None)
    assert flow.on(Told(SPENT), 0.0) == []
    assert flow.on(Heard(EDGE, Entrusted(DEVICE, (SPENT, LOGGED_NO), 3)), 0.0) == [
        Tell(Audited("device-1: declassify", "abc", "noise(clip=1)")),
        Tell(Audited("device-1: denied at send", "Piece cloud", "edge-private")),
        Tell(Audited("device-1: more", "3 acts", "they stand in its own log")),
    ]
    assert flow.on(Woke("hand up"), 1.0) == [Tell(Ignored("Entrust", "", "Woke", "HANDING"))]
