"""Work that learns: on site, in a round, and what may be done with an update before it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import examples_of_bytes, examples_to_bytes, tensors_of_bytes, tensors_to_bytes
from ..core.compute import Fit, Initial, Predict, Steps
from ..core.errors import ConfigError, NotFound, Refused
from ..core.label import PUBLIC_RAW, PUBLIC_UPDATE, Form, Label, Tier
from ..core.ref import Ref
from ..core.release import Release
from ..core.sample import Examples
from ..core.tensors import Tensors
from ..core.update import Counted, Update
from ..flow.adapt.messages import Apply, Improved, Learn, Protect, Protected
from ..flow.job.messages import FreshWeights
from ..flow.round.messages import Aggregate, Weights
from ..learn import Task
from ..learn.aggregate import Mean
from ..learn.transfer import Finetune
from ..protect import declassify, generator
from .loaded import RELEASES, read_manifest
from .tools import Project, Tools

HELD_OUT = 5  # one example in so many judges what was learned on site


def answer(steps: Steps[Any], tools: Tools) -> Any:
    """Runs a method to its end on this node's engine."""
    if tools.engine is None:
        raise ConfigError(f"node {tools.me} cannot learn without torch; install ganglion[train] there")
    try:
        asked = next(steps)
        while True:
            asked = steps.send(tools.engine.answer(asked))
    except StopIteration as end:
        return end.value


def project_of(tools: Tools) -> Project:
    """The user's project. Raises ConfigError where there is none."""
    if tools.project is None:
        raise ConfigError(f"node {tools.me} has no project to train; name one in the fleet file")
    return tools.project


def accuracy(weights: Tensors, data: Ref, y: NDArray[np.int64], tools: Tools) -> float:
    """Share of examples that the last exit has right."""
    if not len(y):
        return 0.0
    predicted = answer(iter(Predict(weights, (data,))), tools)
    return float((predicted.logits[-1].argmax(-1) == y).mean())


def _put_examples(examples: Examples, tools: Tools) -> Ref:
    return tools.disk.put([examples_to_bytes(examples)], Label(examples.tier, Form.RAW))


def _put_update(tensors: Tensors, tier: Tier, tools: Tools) -> Ref:
    return tools.disk.put([tensors_to_bytes(tensors)], Label(tier, Form.UPDATE))


def fresh_weights(work: FreshWeights, tools: Tools) -> Weights:
    """Weights trained from nothing on the cloud's public examples."""
    project = project_of(tools)
    train = project.examples("train")
    if work.swapped > 0.0:
        train = swap_two_classes(train, work.swapped, tools)
    data = tools.disk.put([examples_to_bytes(train)], PUBLIC_RAW)
    recipe = project.fresh
    if work.start:
        start = tensors_of_bytes(tools.disk.get(_release(work.start, tools).weights))
    else:
        start = answer(iter(Initial(("initial",))), tools)
    fitted = answer(iter(Fit(start, (data,), recipe.how, ("fresh",), recipe.loss)), tools)
    return Weights(tools.disk.put([tensors_to_bytes(fitted.weights)], PUBLIC_UPDATE))


def swap_two_classes(train: Examples, share: float, tools: Tools) -> Examples:
    """A labelling fault: somebody takes one way of writing class a for class b, and the other way round.

    The share of each class that is least like the other gets the other's label; a fault that hits examples at random
    would mostly be averaged away.
    """
    chance = tools.rng.stream("swap")
    a, b = (int(c) for c in chance.choice(np.unique(train.y), 2, replace=False))
    y = train.y.copy()
    flat = train.x.reshape(len(train), -1)
    means = {c: flat[train.y == c].mean(0) for c in (a, b)}
    for wrong, right in ((a, b), (b, a)):
        rows = np.flatnonzero(train.y == right)
        toward = flat[rows] @ (means[wrong] - means[right])
        y[rows[np.argsort(toward, kind="stable")[: round(share * len(rows))]]] = wrong
    return Examples(train.x, y, train.tier)


def learn(work: Learn, tools: Tools) -> Improved:
    """Transfer with replay: fresh examples together with public ones, so that the old is not forgotten."""
    fresh = examples_of_bytes(tools.disk.get(work.data[0]))
    rows = np.arange(len(fresh))
    held, used = fresh.take(rows[::HELD_OUT]), fresh.take(rows[rows % HELD_OUT != 0])
    weights = tensors_of_bytes(tools.disk.get(work.weights))
    project = project_of(tools)
    recipe = project.round if work.number else project.transfer
    mine = _put_examples(used, tools)
    task = Task(weights, (mine,), len(used), ("learn", tools.me), (work.replay,))
    update, _ = answer(Finetune(recipe.how, loss=recipe.loss)(task, {}), tools)
    judged = _put_examples(held, tools)
    tier = Tier(max(update.tier, work.weights.label.tier))
    delta = _put_update(update.delta, tier, tools)
    return Improved(
        Counted(delta, update.weight),
        len(fresh),
        accuracy(weights, judged, held.y, tools),
        accuracy(weights + update.delta, judged, held.y, tools),
        int(tier),
    )


def protect(work: Protect, tools: Tools) -> Protected:
    """Lowers an update's label by the node's declared mechanism. Raises Refused where there is none."""
    label = work.update.delta.label
    if label.tier <= Tier.DERIVED:
        return Protected(work.update, "none needed", 0.0, 0.0)
    mechanism = tools.policy.mechanism
    if mechanism is None:
        raise Refused(
            f"an update made from {label.tier.name.lower()}-private data may not leave {tools.me}: no declassifier is "
            "declared; set one (consent, or clip and noise) in the fleet file"
        )
    update = Update(tensors_of_bytes(tools.disk.get(work.update.delta)), work.update.weight, label.tier)
    done, record = declassify(update, mechanism, generator(tools.rng.secret(32)))
    delta = _put_update(done.delta, done.tier, tools)
    return Protected(Counted(delta, done.weight), record.mechanism, record.epsilon, record.delta)


def apply_update(work: Apply, tools: Tools) -> Weights:
    """A release's weights plus one change."""
    release = _release(work.counter, tools)
    return aggregate(Aggregate(0, release.weights, ((tools.me, work.update),)), tools)


def _release(counter: int, tools: Tools) -> Release:
    """A release of this cloud."""
    for row in tools.disk.scan(RELEASES):
        if row.key == str(counter):
            return read_manifest(tools.codec.decode(row.data).manifest, tools)
    raise NotFound(f"this cloud never made a release {counter}")


def aggregate(work: Aggregate, tools: Tools) -> Weights:
    """The base plus the mean of the updates, each as much as it counts."""
    base = tensors_of_bytes(tools.disk.get(work.base))
    updates, tier = [], work.base.label.tier
    for _, counted in work.updates:
        delta = tensors_of_bytes(tools.disk.get(counted.delta))
        updates.append(Update(delta, counted.weight, counted.delta.label.tier))
        tier = max(tier, counted.delta.label.tier)
    return Weights(_put_update(base + Mean()(updates), tier, tools))
