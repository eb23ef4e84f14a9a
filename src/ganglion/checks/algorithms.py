"""What every algorithm of a kind must do. Each check takes a way to make a fresh one and raises AssertionError."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..core.fleet import NodeId
from ..core.label import Tier
from ..core.rng import stream
from ..core.tensors import Tensors
from ..core.update import Update

Make = Callable[[], Any]
PLAIN = (bool, int, float, str, type(None))
NODES = tuple(NodeId(f"node{number}") for number in range(12))


def updates(count: int = 7) -> list[Update]:
    """Updates of one layout that differ in size, direction and weight."""
    rng = stream(7, "updates")
    deltas = [Tensors.of({"w": rng.normal(0, 1 + n, (3, 4)), "b": rng.normal(0, 1, 4)}) for n in range(count)]
    return [Update(delta, 1.0 + number, Tier.PUBLIC) for number, delta in enumerate(deltas)]


def probabilities(count: int = 60, classes: int = 5) -> Any:
    """Distributions [count, classes] from even to certain, both ends included."""
    raw = stream(7, "probabilities").exponential(size=(count, classes)) ** np.linspace(0.0, 6.0, count)[:, None]
    raw[-1] = np.eye(classes)[0]
    return raw / raw.sum(-1, keepdims=True)


def prints_its_parameters(make: Make) -> None:
    """It is a dataclass that shows and compares what it was made with."""
    assert is_dataclass(make()) and make() == make() and type(make()).__name__ in repr(make()), repr(make())


def order_of_arrival_does_not_matter(make: Make) -> None:
    """The aggregate of updates is the same in whatever order they came."""
    whole, given = make()(updates()).flat, updates()
    for turn in range(len(given)):
        turned = make()(given[turn:] + given[:turn]).flat
        np.testing.assert_allclose(turned, whole, rtol=1e-6, atol=1e-7, err_msg=f"{make()}: first came {turn}")


def equal_updates_give_that_update(make: Make) -> None:
    """Where all say the same, that is the aggregate."""
    one = updates()[2]
    for count in (1, 2, 5):
        np.testing.assert_allclose(make()([one] * count).flat, one.delta.flat, rtol=1e-6, err_msg=f"{make()}")


def updates_are_left_alone(make: Make) -> None:
    """Aggregating writes into no update."""
    given = updates()
    before = [update.delta.digest() for update in given]
    make()(given)
    assert before == [update.delta.digest() for update in given], f"{make()} changed what it was given"


def partial_sums_are_the_whole(make: Make) -> None:
    """If it is linear, edges may add up for it; nothing to check if not."""
    if not hasattr(make(), "lift"):
        return
    given, chosen = updates(), make()
    sums = [chosen.lift(update) for update in given]
    near = (sums[0] + sums[1]) + (sums[2] + sums[3] + sums[4])
    far = sums[5] + sums[6]
    np.testing.assert_allclose(chosen.lower(far + near).flat, chosen(given).flat, rtol=1e-6, atol=1e-7)


def rows_do_not_know_each_other(make: Make) -> None:
    """A batch is judged row by row, and is left alone."""
    batch, rule = probabilities(), make()
    before = batch.copy()
    said = rule(batch)
    assert said.shape == batch.shape[:-1], f"{rule} said {said.shape} to {batch.shape}"
    assert (np.array([rule(row) for row in batch]) == said).all(), f"{rule} judged rows by their neighbours"
    assert (batch == before).all(), f"{rule} changed what it was given"


def names_of_classes_do_not_matter(make: Make) -> None:
    """Classes in another order give the same."""
    batch, rule = probabilities(), make()
    said = np.asarray(rule(batch), np.float64)
    np.testing.assert_allclose(np.asarray(rule(batch[:, ::-1]), np.float64), said, atol=1e-12, err_msg=f"{rule}")


def certain_is_easier_than_even(make: Make) -> None:
    """An exit answers the certain sample if it answers the even one; a score is within [0, 1] and rates it lower."""
    batch, rule = probabilities(), make()
    said = rule(batch)
    if said.dtype == np.bool_:
        assert said[-1] or not said[0], f"{rule} answers the even sample and asks for the certain one"
        return
    assert ((said >= -1e-12) & (said <= 1.0 + 1e-12)).all(), f"{rule} scores outside [0, 1]: {said}"
    assert said[-1] == said.min() < said[0] == said.max(), f"{rule} scores even {said[0]}, certain {said[-1]}"


def detectors_are_plain_and_resume(make: Make) -> None:
    """Its state is plain fields, and a copy goes on as the first does."""
    values = [float(v) for v in stream(7, "values").uniform(0.2, 1.0, 400)]
    detector = make()
    for value in values[:200]:
        assert isinstance(detector.update(value), bool), f"{detector} says something else than yes or no"
    state = {field.name: getattr(detector, field.name) for field in fields(detector)}
    assert all(isinstance(value, PLAIN) for value in state.values()), state
    again = copy.copy(detector)
    assert [detector.update(v) for v in values[200:]] == [again.update(v) for v in values[200:]], f"{detector}"


def detectors_are_silent_where_nothing_changes(make: Make) -> None:
    """A stream that stays at one value is no change, if the value is the one expected."""
    detector = make()
    expected = getattr(detector, "mean", 0.9) or 0.9
    assert not any(detector.update(expected) for _ in range(5000)), f"{detector} alarms at {expected} for ever"


def buffers_account_for_every_item(make: Make) -> None:
    """Never more than its size; what went in is either kept or was given back, once."""
    buffer, rng, gone = make(), stream(7, "buffer"), []
    names = [f"item{number}" for number in range(buffer.size * 5)]
    for number, name in enumerate(names):
        dropped = buffer.update(name, number % 3 if number % 2 else 0, rng)
        gone += [] if dropped is None else [dropped]
        assert len(buffer.items()) == min(number + 1, buffer.size), f"{buffer} after {number + 1} items"
    assert sorted([*gone, *buffer.items()]) == sorted(names), f"{buffer} lost or doubled an item"


def buffers_repeat_themselves(make: Make) -> None:
    """The same items and random numbers leave the same."""
    kept = []
    for _ in range(2):
        buffer, rng = make(), stream(7, "buffer")
        for number in range(buffer.size * 4):
            buffer.update(f"item{number}", number % 3, rng)
        kept.append(buffer.items())
    assert kept[0] == kept[1], f"{make()} kept different items of the same stream"


def choosing_is_fair_to_order(make: Make) -> None:
    """Some of the candidates, each once, and the same ones whoever comes first."""
    chosen = make()(NODES, stream(7, "select"))
    assert chosen and len(set(chosen)) == len(chosen) and set(chosen) <= set(NODES), chosen
    assert make()(NODES[::-1], stream(7, "select")) == chosen, f"{make()} prefers by order"
    assert make()((), stream(7, "select")) == (), f"{make()} chose somebody of nobody"


def nobody_has_what_another_has(make: Make) -> None:
    """Every client has rows, each row one client, and the same ones for the same random numbers."""
    y, owner = np.arange(600) % 5, np.arange(600) // 6
    parts = make()(y, stream(7, "partition"), owner)
    again = make()(y, stream(7, "partition"), owner)
    rows = np.concatenate(parts)
    assert min(len(part) for part in parts) > 0 and len(set(rows.tolist())) == len(rows) <= len(y), f"{make()}"
    assert rows.min() >= 0 and rows.max() < len(y), f"{make()} names rows that are not there"
    assert all((one == other).all() for one, other in zip(parts, again, strict=True)), f"{make()} draws elsewhere"


def steps_leave_their_inputs_alone(make: Make) -> None:
    """Without a delta the first round moves nothing; the state goes in and comes out; nothing is written into."""
    weights, delta, step = updates()[0].delta, updates()[1].delta, make()
    before = (weights.digest(), delta.digest())
    still, _ = step(weights, delta.zero(), None)
    assert still.digest() == weights.digest(), f"{step} moved without a delta"
    moved, state = step(weights, delta, None)
    again, _ = step(moved, delta, state)
    repeated, _ = step(moved, delta, state)
    assert again.digest() == repeated.digest(), f"{step} remembers outside its state"
    assert before == (weights.digest(), delta.digest()), f"{step} changed what it was given"


def preparing_hides_nothing_but_the_delta(make: Make) -> None:
    """Layout, weight and tier stay (a label is lowered elsewhere); the update given is left alone."""
    for update in updates():
        before = update.delta.digest()
        done, _ = make()(update, stream(7, "prepare"), None)
        repeated, _ = make()(update, stream(7, "prepare"), None)
        assert update.delta.digest() == before, f"{make()} changed what it was given"
        assert (done.weight, done.tier, done.delta.layout) == (update.weight, update.tier, update.delta.layout)
        assert done.delta.digest() == repeated.delta.digest(), f"{make()} draws from elsewhere than its rng"


_RULES = (
    prints_its_parameters,
    rows_do_not_know_each_other,
    names_of_classes_do_not_matter,
    certain_is_easier_than_even,
)
CHECKS: dict[str, tuple[Callable[[Make], None], ...]] = {  # kind, as the catalog names it -> what holds for all of it
    "detector": (prints_its_parameters, detectors_are_plain_and_resume, detectors_are_silent_where_nothing_changes),
    "infer.exit": _RULES,
    "keep.buffer": (prints_its_parameters, buffers_account_for_every_item, buffers_repeat_themselves),
    "keep.select": _RULES,
    "learn.aggregate": (
        prints_its_parameters,
        order_of_arrival_does_not_matter,
        equal_updates_give_that_update,
        updates_are_left_alone,
        partial_sums_are_the_whole,
    ),
    "learn.client": (prints_its_parameters,),
    "learn.partition": (prints_its_parameters, nobody_has_what_another_has),
    "learn.select": (prints_its_parameters, choosing_is_fair_to_order),
    "learn.step": (prints_its_parameters, steps_leave_their_inputs_alone),
    "learn.transfer": (prints_its_parameters,),
    "mechanism": (prints_its_parameters,),
    "prepare": (prints_its_parameters, preparing_hides_nothing_but_the_delta),
}
