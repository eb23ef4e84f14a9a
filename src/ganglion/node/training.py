"""Carries out what a federated job does with updates: learn, check, add up, step between."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np

from ..core.blob import examples_of_bytes, examples_to_bytes, tensors_of_bytes, tensors_to_bytes
from ..core.errors import ConfigError, GanglionError, Refused
from ..core.label import PUBLIC_RAW, Form, Label, Tier
from ..core.ref import Ref
from ..core.tensors import Tensors
from ..core.update import Update
from ..flow.round.messages import (
    Aggregate,
    Check,
    Checked,
    StepBelow,
    SteppedBelow,
    Summed,
    Terms,
    Trained,
    TrainLocally,
    Weights,
)
from ..learn import METHODS, Linear, Strategy, Task, total
from ..learn.aggregate import Mean, Total
from ..learn.compress import Compress, named
from ..protect import Consent, declassify, generator
from . import learning
from .learning import answer, project_of
from .tools import Tools
from .updates import Sent, Stamp, get_parts, get_sent, put_parts, put_total, put_update

AT_HAND_BYTES = 64 << 20  # of checked updates that wait in memory for their sum


def strategy_of(terms: Terms) -> Strategy:
    """The method that a job's terms name. Raises ConfigError for what there is not."""
    if terms.method not in METHODS:
        raise ConfigError(f"no method {terms.method!r}; there are {', '.join(sorted(METHODS))}")
    try:
        return replace(METHODS[terms.method](terms.how, **dict(terms.values)), compress=_compression(terms))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{terms.method} with {dict(terms.values)}: {error}; correct the job's values") from error


def _compression(terms: Terms) -> Compress | None:
    values = dict(terms.compress)
    return named(str(values.pop("name", "")), values) if values else None


def train(work: TrainLocally, tools: Tools) -> Trained:
    """Learns, and lowers the label of what comes out by the node's mechanism. Raises Refused where it has none."""
    for old, used in ((work.spent, work.base), (work.forgotten, work.kept)):
        if old is not None and old != used:
            tools.disk.drop(old)
    weights, terms = tensors_of_bytes(tools.disk.get(work.base)), work.terms
    strategy, data = strategy_of(terms), work.data or _dealt(tools)
    examples = len(examples_of_bytes(tools.disk.get(data)))
    if examples < terms.least:
        raise Refused(f"{examples} examples, {terms.least} are needed")
    task = Task(
        weights, (data,), examples, ("job", terms.job, work.number, tools.me),
        common=get_parts(work.common, tools), rate=strategy.client_rate(work.number),
    )  # fmt: skip
    known = get_parts(work.kept, tools)
    if terms.how.epochs:
        update, kept = answer(strategy.train(task, known), tools)
    else:  # nothing is learnt: a rehearsal of everything around it, with numbers that no round has had before
        noise = tools.rng.stream(*task.key).random(len(weights.flat), np.float32)
        update, kept = Update(weights.with_flat(1e-6 * (noise - np.float32(0.5))), float(examples), task.tier), {}
    update = replace(update, tier=Tier(max(update.tier, work.base.label.tier)))
    private = Label(update.tier, Form.UPDATE)
    stamp, made, packed = Stamp(terms.job, work.number, tools.me), ("", 0.0, 0.0), None
    if update.tier > Tier.DERIVED:
        update, made = _lowered(update, tools)
    if strategy.compress is not None:
        chance = tools.rng.stream("compress", terms.job, work.number, tools.me)
        packed, more = strategy.compress.encode(update.delta, work.number, chance, known)
        kept = {**kept, **more}
    stays = put_parts(dict(kept), private, tools)
    return Trained(put_update(update, stamp, tools, packed), stays, *made)


def _lowered(update: Update, tools: Tools) -> tuple[Update, tuple[str, float, float]]:
    """An update that may leave. What a method shares beside its delta, no mechanism protects."""
    mechanism = tools.policy.mechanism
    bare = bool(update.extra) and not isinstance(mechanism, Consent)
    if mechanism is None or bare:
        why = f"its {sorted(update.extra)} would leave bare" if bare else "no declassifier is declared"
        raise Refused(f"an update of {update.tier.name.lower()}-private data may not leave {tools.me}: {why}")
    done, record = declassify(update, mechanism, generator(tools.rng.secret(32)))
    done = done if isinstance(mechanism, Consent) else replace(done, loss=None)  # nobody made it private
    return done, (record.mechanism, record.epsilon, record.delta)


def _dealt(tools: Tools) -> Ref:
    """This node's hand of the public training examples: shuffled once, dealt in turn among the nodes of its zone."""
    name = "dealt"
    if name not in tools.loaded:
        whole = project_of(tools).examples("train")
        nodes = sorted(node.id for node in tools.fleet.at(tools.fleet.zone(tools.me)))
        order = tools.rng.stream("deal").permutation(len(whole))
        mine = whole.take(np.sort(order[nodes.index(tools.me) :: len(nodes)]))
        tools.loaded[name] = tools.disk.put([examples_to_bytes(mine)], PUBLIC_RAW)
    ref: Ref = tools.loaded[name]
    return ref


def check(work: Check, tools: Tools) -> Checked:
    """Why an update cannot be added; "" where it can."""
    try:
        base = weights_of(work.base, tools)
        sent = get_sent(work.update.delta, tools, base)
        why = _wrong(work, sent, base)
        if not why:
            _at_hand(work, tools)[work.update.delta.digest] = sent
        return Checked(why, sent.loss)
    except GanglionError as error:
        return Checked(str(error))


def _at_hand(work: Check, tools: Tools) -> dict[str, Sent]:
    """Where what was checked for this round waits for its sum, by digest; what memory has no room for is read again."""
    round_of = (work.terms.job, work.number)
    known = tools.loaded.get("checked")
    if known is None or known[0] != round_of:
        known = tools.loaded["checked"] = (round_of, {})
    found: dict[str, Sent] = known[1]
    room = AT_HAND_BYTES - work.update.delta.size_bytes
    return found if sum(one.size_bytes for one in found.values()) <= room else {}


def _wrong(work: Check, sent: Sent, base: Tensors) -> str:
    stamp = Stamp(work.terms.job, work.number, work.client)
    if sent.stamp != tuple(stamp.array().tolist()):
        job, number, _ = sent.stamp
        return f"it was made for round {number} of job {job}, or by somebody else: it is replayed"
    if sent.delta.layout != base.layout:
        return f"its shape is not the base's: {len(sent.delta.flat)} weights in {len(sent.delta.layout)} tensors"
    if not all(np.isfinite(one.flat).all() for one in (sent.delta, *sent.extra.values())):
        return "it holds numbers that are not finite"
    if not 0.0 <= sent.weight < float("inf") or sent.weight != work.update.weight or sent.steps < 0:
        return f"it counts for {sent.weight} after {sent.steps:g} steps, its message says {work.update.weight}"
    if set(sent.extra) != set(strategy_of(work.terms).shares):
        return f"it shares {sorted(sent.extra)} beside its delta; {work.terms.method} shares something else"
    if sent.summed and not work.terms.tiers:
        return "it is a sum, and this round has nobody in between who may add"
    return ""


def weights_of(ref: Ref, tools: Tools) -> Tensors:
    """The weights behind a reference; the last ones stay at hand."""
    known = tools.loaded.get("weights")
    if known is None or known[0] != ref.digest:
        known = tools.loaded["weights"] = (ref.digest, tensors_of_bytes(tools.disk.get(ref)))
    found: Tensors = known[1]
    return found


def aggregate(work: Aggregate, tools: Tools) -> Weights | Summed:
    """The base with the updates added, or a job's updates as one."""
    return learning.aggregate(work, tools) if work.terms is None else add_up(work, work.terms, tools)


def add_up(work: Aggregate, terms: Terms, tools: Tools) -> Summed:
    """A job's updates as one: their sum, or what a robust aggregate makes of each of them."""
    strategy = strategy_of(terms)
    base = weights_of(work.base, tools) if strategy.compress is not None else None
    known: dict[str, Sent] = tools.loaded.pop("checked", (None, {}))[1]
    sent = [known.get(one.delta.digest) or get_sent(one.delta, tools, base) for _, one in work.updates]
    tier = Tier(max(counted.delta.label.tier for _, counted in work.updates))
    if work.factors:
        sent = [replace(one, delta=one.delta * by) for one, by in zip(sent, work.factors, strict=True)]
    if isinstance(strategy.aggregate, Linear):
        lift = strategy.aggregate.lift
        parts = (one.total() if one.summed else lift(one.update(tier)) for one in sent)
        added = reduce(Total.absorb, parts)  # each goes before the next is made
    else:
        updates = [one.update(tier) for one in sent]
        delta = strategy.aggregate(updates)
        extra = total(Mean(weighted=False), updates).extra
        added = Total(delta.flat.astype(np.float64), 1.0, delta.layout, 1.0, len(updates), extra)
    return Summed(put_total(added, Stamp(terms.job, work.number, tools.me), tier, tools))


def step_below(work: StepBelow, tools: Tools) -> SteppedBelow:
    """An aggregator's own next weights, and its change since it was asked.

    Source: Liu et al. 2020, arXiv:1905.06641 (HierFAVG).
    """
    start, base = (tensors_of_bytes(tools.disk.get(ref)) for ref in (work.start, work.base))
    sent, tier = get_sent(work.total.delta, tools), Tier(work.total.delta.label.tier)
    aggregate = strategy_of(work.terms).aggregate
    assert isinstance(aggregate, Linear)  # `begin` refuses all others
    after = base + aggregate.lower(sent.total())
    stamp = Stamp(work.terms.job, work.number, tools.me)
    update = put_update(Update(after - start, work.total.weight, tier, max(int(sent.steps), 1)), stamp, tools)
    return SteppedBelow(tools.disk.put([tensors_to_bytes(after)], Label(tier, Form.UPDATE)), update)
