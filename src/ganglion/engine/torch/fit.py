"""Training on the flat arena: autograd writes all gradients into one buffer, and one in-place rule moves all weights.

A live client is a cohort of one; nothing here draws from torch's global random numbers without putting them back.
"""

from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy

from ...core.compute import CrossEntropy, Fit, Fitted, Sgd
from ...core.errors import ConfigError
from ...core.rng import stream
from ...core.sample import Examples
from .arena import Arena
from .rules import affine, rate_at, rule


def fit(arena: Arena, asked: Fit, examples: Examples, seed: int) -> Fitted:
    """Trains and gives weights, steps and mean loss of the last epoch.

    Raises ConfigError for unlabelled examples, weights of another model, or training that diverges.
    """
    check(asked, examples)
    arena.load(asked.start)
    parts = arena.moving(asked.only)
    arena.train(asked.only)
    added = affine(asked.pulls, asked.push, arena.layout, len(arena.flat))
    plain = added is None and isinstance(asked.how, Sgd) and not (asked.how.momentum or asked.how.decay)
    rules = [] if plain else [rule(asked.how, arena.flat[part], arena.grad[part]) for part in parts]
    x, y = torch.from_numpy(examples.x), torch.from_numpy(examples.y)
    steps, loss = 0, 0.0
    planned = asked.how.epochs * math.ceil(len(y) / asked.how.batch)
    for epoch in range(asked.how.epochs):
        order = torch.from_numpy(stream(seed, *asked.key, "shuffle", epoch).permutation(len(y)))
        total = torch.zeros(())
        for rows in torch.split(order, asked.how.batch):
            arena.forget(written=not plain)
            value = total_loss(asked.loss, arena.module(x[rows]), y[rows])
            value.backward()  # type: ignore[no-untyped-call]
            total += value.detach() * len(rows)
            with torch.no_grad():
                if plain:
                    arena.descend(rate_at(asked.how, steps, planned))
                for part, one in zip(parts if rules else [], rules, strict=True):
                    if added is not None:
                        added.add_to(arena.grad, arena.flat, part)
                    one.step(rate_at(asked.how, steps, planned))
            steps += 1
        loss = float(total) / len(y)
        if not math.isfinite(loss):
            raise ConfigError(f"training diverged in epoch {epoch + 1} at rate {asked.how.rate}; lower the rate")
    return Fitted(arena.save(), steps, loss)


def total_loss(loss: CrossEntropy, out: torch.Tensor | tuple[torch.Tensor, ...], y: torch.Tensor) -> torch.Tensor:
    """Cross entropy over the exits, weighted; the mean over the batch."""
    logits = exits_of(out)
    if len(loss.exits) != len(logits):
        raise ConfigError(f"{len(loss.exits)} loss weights for {len(logits)} exits; give CrossEntropy one per exit")
    parts = [weight * cross_entropy(one, y) for weight, one in zip(loss.exits, logits, strict=True) if weight]
    if not parts:
        raise ConfigError("every exit has loss weight 0, so there is nothing to learn; give one of them a weight")
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum()


def exits_of(out: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """A model's logits per exit, whether it has one or several."""
    return (out,) if isinstance(out, torch.Tensor) else tuple(out)


def check(asked: Fit, examples: Examples) -> None:
    """Raises ConfigError for examples that cannot be learnt from, or a way to learn that says nothing."""
    if not len(examples):
        raise ConfigError("there are no examples to fit; name at least one data file that holds some")
    if int(examples.y.min()) < 0:
        unlabelled = int((examples.y < 0).sum())
        raise ConfigError(f"{unlabelled} of {len(examples)} examples have no label; leave them out before fitting")
    if asked.how.epochs < 1 or asked.how.batch < 1:
        raise ConfigError(f"{asked.how.epochs} epochs of batch {asked.how.batch}; both must be at least 1")
    if not 0 <= asked.how.cooling <= 1:
        raise ConfigError(f"cooling {asked.how.cooling} is a share of the steps; give a number from 0 to 1")
