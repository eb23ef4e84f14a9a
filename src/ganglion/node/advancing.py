"""Carries out the server's own work of federated jobs: begin, choose, step, judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.blob import arrays_of_bytes, arrays_to_bytes, examples_to_bytes, tensors_to_bytes
from ..core.compute import Initial, Predict
from ..core.errors import ConfigError, Refused
from ..core.label import PUBLIC_RAW, PUBLIC_UPDATE, Form, Label, Tier
from ..core.ref import Ref
from ..core.tensors import Tensors
from ..flow.round.learner import ATTACHED_BYTES
from ..flow.round.messages import Weights
from ..flow.train.messages import Begin, Choose, Chosen, Evaluate, Evaluated, State, Step, Tidy
from ..learn import Server, advance, select
from ..learn.aggregate import Mean
from .learning import answer, project_of
from .tools import Tools
from .training import strategy_of, weights_of
from .updates import get_parts, get_sent, put_parts

LIMITS = tuple(name for name in select.Limited.__dataclass_fields__ if name not in ("inner", "number", "seen"))


def begin(work: Begin, tools: Tools) -> Weights:
    """Weights to begin with; fresh ones are the same for the same job."""
    strategy = strategy_of(work.terms)
    if work.terms.tiers and not strategy.linear:
        raise Refused(f"{strategy.aggregate} sees each update, so nobody between may add them; set tiers = 0")
    if work.terms.below > 1 and strategy.shares:
        raise Refused(f"{work.terms.method} shares {strategy.shares} in each round of the server; set below = 1")
    if work.weights is not None:
        return Weights(work.weights)
    fresh: Tensors = answer(iter(Initial(("initial", work.terms.job))), tools)
    return Weights(tools.disk.put([tensors_to_bytes(fresh)], PUBLIC_UPDATE))


def choose(work: Choose, tools: Tools) -> Chosen:
    """Who is asked, by what the job has seen of them."""
    made = _selector(work)
    clients = made(work.candidates, tools.rng.stream("choose", work.terms.job, work.number))
    return Chosen(clients, _copy(work, tools) if work.weights.size_bytes <= ATTACHED_BYTES else None)


def _selector(work: Choose) -> Any:
    """The choice by its name; with a floor or budgets among its values it is limited. Raises ConfigError."""
    kinds = {name: getattr(select, name) for name in select.__all__ if name != select.Limited.__name__}
    if work.choice.name not in kinds:
        raise ConfigError(f"no selector {work.choice.name!r}; there are {', '.join(sorted(kinds))}")
    given: dict[str, Any] = dict(work.choice.values)
    seen: dict[str, Any] = {"seen": dict(work.seen), "number": work.number}
    limits = {name: given.pop(name) for name in LIMITS if name in given}
    kind = kinds[work.choice.name]
    whole = {name for name, one in kind.__dataclass_fields__.items() if isinstance(one.default, int)}
    values: dict[str, Any] = {name: int(one) if name in whole else one for name, one in given.items()}
    if "seen" in kind.__dataclass_fields__:
        values |= seen
    try:
        made = kind(count=work.choice.count, **values)
        return select.Limited(made, **limits, **seen) if limits else made
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{work.choice.name} with {given | limits}: {error}; correct the job's choice") from error


def _copy(work: Choose, tools: Tools) -> Ref:
    """The same weights under another digest: what has been handed out goes from the disk, these stay."""
    arrays = arrays_of_bytes(tools.disk.get(work.weights))
    meta = {"round": f"{work.terms.job}.{work.number}"}
    return tools.disk.put([arrays_to_bytes(arrays, meta)], work.weights.label)


def step(work: Step, tools: Tools) -> State:
    """The server's next weights; what earlier rounds have left behind goes."""
    strategy, was = strategy_of(work.terms), work.state
    weights = weights_of(was.weights, tools)
    parts = get_parts(was.step, tools)
    memory: Any = parts["0"] if set(parts) == {"0"} else tuple(parts[name] for name in sorted(parts)) or None
    sent, tier = get_sent(work.total.delta, tools), work.total.delta.label.tier
    plain = strategy if strategy.linear else replace(strategy, aggregate=Mean(weighted=False))
    common = get_parts(was.common, tools)
    now = advance(plain, Server(weights, work.number, memory, common), sent.total(), work.clients)
    label = Label(Tier(max(tier, was.weights.label.tier)), Form.UPDATE)
    made = now.state if isinstance(now.state, tuple) else () if now.state is None else (now.state,)
    state = State(
        tools.disk.put([tensors_to_bytes(now.weights)], label),
        put_parts({str(place): one for place, one in enumerate(made)}, label, tools),
        put_parts(dict(now.common), label, tools),
    )
    tools.loaded["weights"] = (state.weights.digest, now.weights)  # they are judged next, and begun from
    _drop(work.spent, (was, state), tools)
    return state


def tidy(work: Tidy, tools: Tools) -> None:
    """Drops what earlier rounds have left behind."""
    _drop(work.spent, (work.state,), tools)


def _drop(spent: Iterable[Ref], states: Sequence[State], tools: Tools) -> None:
    live = {ref.digest for one in states for ref in (one.weights, one.step, one.common) if ref is not None}
    for ref in spent:
        if ref.digest not in live:
            tools.disk.drop(ref)


def evaluate(work: Evaluate, tools: Tools) -> Evaluated:
    """Accuracy and loss of the last exit on a part of the project's public examples."""
    given = project_of(tools).examples(work.part)
    name = f"judges/{work.part}"
    data: Ref | None = tools.loaded.get(name)
    if data is None or not tools.disk.has(data):
        data = tools.loaded[name] = tools.disk.put([examples_to_bytes(given)], PUBLIC_RAW)
    weights = weights_of(work.weights, tools)
    logits = answer(iter(Predict(weights, (data,))), tools).logits[-1].astype(np.float64)
    top = logits.max(-1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(-1))
    loss = float((log_sum - logits[np.arange(len(given)), given.y]).mean())
    return Evaluated(float((logits.argmax(-1) == given.y).mean()), loss, len(given))
