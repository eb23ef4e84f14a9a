"""Fetch and Give, step by step: a range may come in several pieces, a failure is tried again, a refusal is not."""

from __future__ import annotations

from ganglion.core.facts import Fetched, Pushed
from ganglion.core.fleet import NodeId
from ganglion.core.label import Form, Label, Tier
from ganglion.core.process import Began, Do, Done, Failed, Heard, Lane, Send, Tell, Wake, Woke
from ganglion.core.ref import Ref
from ganglion.flow.fetch.client import AGAIN_S, CHUNK_BYTES, PATIENCE_S, Fetch, Give, Phase
from ganglion.flow.fetch.messages import Got, Patch, Patched, Piece, Pull, Push, Slice, Sliced

UP, PUBLIC = NodeId("cloud"), Label(Tier.PUBLIC, Form.RAW)
REF = Ref("ab" * 32, CHUNK_BYTES + 1000, PUBLIC)


def held(start: int, size: int) -> Ref:
    return Ref(f"~cloud/{start}", size, PUBLIC)


def asked(start: int, size: int, now_s: float) -> list[object]:
    ask = Send(UP, Pull(REF, start, size), Lane.BULK, PATIENCE_S, name="pull")
    return [ask, Wake("late", now_s + PATIENCE_S)]


def test_a_range_comes_in_pieces_and_the_next_is_asked_for_when_all_are_here() -> None:
    flow = Fetch(REF, UP)
    assert flow.on(Began(), 0.0) == [Do("patch/0", Patch(REF, 0, None))]
    assert flow.on(Done("patch/0", Patched(0)), 1.0) == asked(0, CHUNK_BYTES, 1.0)
    first, second = held(0, 1000), held(1000, CHUNK_BYTES - 1000)
    assert flow.on(Heard(UP, Piece(REF, 0, first)), 2.0) == [Do("patch/0", Patch(REF, 0, first))]
    assert flow.on(Heard(UP, Piece(REF, 1000, second)), 2.0) == [Do("patch/1000", Patch(REF, 1000, second))]
    assert flow.on(Done("patch/0", Patched(1000)), 3.0) == [Wake("late", 3.0 + PATIENCE_S)]
    assert flow.on(Done("patch/1000", Patched(CHUNK_BYTES)), 4.0) == asked(CHUNK_BYTES, 1000, 4.0)
    assert flow.on(Done("patch/1", Patched(REF.size_bytes)), 5.0) == [Tell(Fetched(REF))]
    assert flow.phase is Phase.OVER


def test_what_came_before_a_break_counts() -> None:
    flow = Fetch(REF, UP)
    flow.on(Done("patch/0", Patched(0)), 0.0)
    flow.on(Heard(UP, Piece(REF, 0, held(0, 500))), 1.0)
    assert flow.on(Failed("pull", "link down"), 1.0) == [Wake("late", 1.0 + AGAIN_S)]
    assert flow.on(Done("patch/0", Patched(500)), 1.1) == asked(500, CHUNK_BYTES, 1.1)
    assert flow.on(Failed("pull", "link down"), 1.2) == [Wake("late", 1.2 + AGAIN_S)]
    assert flow.on(Woke("late"), 2.2) == asked(500, CHUNK_BYTES, 2.2)
    assert flow.on(Heard(UP, Got(REF, -1)), 3.0) == [Wake("late", 3.0 + AGAIN_S)]


def test_a_refusal_ends_it() -> None:
    for flow in (Fetch(REF, UP), Give(REF, UP)):
        assert flow.on(Failed("pull", "a gate said no", refused=True), 0.0) == []
        assert flow.phase is Phase.OVER


def test_a_push_goes_on_from_what_is_there() -> None:
    flow = Give(REF, UP)
    question = [Send(UP, Push(REF, 0, None), Lane.BULK, PATIENCE_S, name="push"), Wake("late", PATIENCE_S)]
    assert flow.on(Began(), 0.0) == question
    assert flow.on(Heard(UP, Got(REF, 10)), 1.0) == [Do("slice", Slice(REF, 10, CHUNK_BYTES))]
    data = held(10, CHUNK_BYTES)
    push = Send(UP, Push(REF, 10, data), Lane.BULK, PATIENCE_S, (data,), "push")
    assert flow.on(Done("slice", Sliced(data)), 2.0) == [push, Wake("late", 2.0 + PATIENCE_S)]
    assert flow.on(Heard(UP, Got(REF, REF.size_bytes)), 3.0) == [Tell(Pushed(REF))]
