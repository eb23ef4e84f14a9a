"""Trains a model with branches: all of it together, or its heads alone on a trunk that stays as it is.

Source: Teerapittayanon et al. 2016, arXiv:1709.01686, equation 3 (the weighted sum of the exits' losses).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, mse_loss

from ...core.compute import Adam, Fitted, Sgd
from ...core.errors import ConfigError
from ...core.rng import stream
from .arena import Arena
from .branch import Branched
from .fit import exits_of
from .rules import rate_at, rule
from .threads import one_thread

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
HEADS = "heads."


@dataclass(frozen=True)
class Lesson:
    """How to train."""

    how: Sgd | Adam
    exits: tuple[float, ...]  # what each exit's loss counts, nearest first, the model's own last
    frozen: bool = False  # whether only the heads move
    seed: int = 0


def train(
    module: torch.nn.Module, x: NDArray[Any], y: NDArray[Any], lesson: Lesson, loss: Loss | None = None
) -> Fitted:
    """Trains `module` in place on x [n, ...] and y [n, ...]; the same lesson gives the same weights.

    Labels of integers are learnt by cross entropy over an answer's last axis, -1 left out; numbers by squared error;
    `loss` (answer, y) replaces either. Raises ConfigError for a lesson that does not fit, and where training diverges.
    """
    _check(module, x, y, lesson)
    judge = loss or (cross_entropy_of if np.issubdtype(y.dtype, np.integer) else mse_loss)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(lesson.seed, "train", "torch").integers(2**63)))
        return _train(Arena(module), torch.from_numpy(x), torch.from_numpy(y), lesson, judge)


def answers(module: torch.nn.Module, x: NDArray[Any], batch: int = 250) -> list[NDArray[np.float32]]:
    """What every exit says to x [n, ...], nearest first."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    with one_thread(), torch.no_grad():
        parts = [exits_of(module(_laid_out(torch.from_numpy(one)))) for one in _split(x, batch)]
    for part, training in modes:
        part.training = training
    return [torch.cat(one).numpy() for one in zip(*parts, strict=True)]


def cross_entropy_of(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean over labels [...] of an answer's [..., classes]; a label of -1 does not count."""
    return cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1), ignore_index=-1)


def gaussian(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Of values y [..., k] under an answer [..., 2 k]: their means, then the logarithms of their variances.

    So an exit learns how far off it is: its spread is exp(second half / 2). Source: Nix & Weigend 1994 (ICNN).
    """
    mean, spread = out.chunk(2, -1)
    return ((y - mean) ** 2 * torch.exp(-spread) + spread).mean() / 2


def _train(arena: Arena, x: torch.Tensor, y: torch.Tensor, lesson: Lesson, judge: Loss) -> Fitted:
    how = lesson.how
    parts = arena.moving(HEADS if lesson.frozen else "")
    rules = [rule(how, arena.flat[part], arena.grad[part]) for part in parts]
    arena.module.train()
    if lesson.frozen:
        arena.module.get_submodule("trunk").eval()
    steps, planned, mean = 0, how.epochs * math.ceil(len(y) / how.batch), 0.0
    for epoch in range(how.epochs):
        order = torch.from_numpy(stream(lesson.seed, "train", "shuffle", epoch).permutation(len(y)))
        total = torch.zeros(())
        for rows in torch.split(order, how.batch):
            arena.grad.zero_()
            said = exits_of(arena.module(_laid_out(x[rows])))
            weighed = [w * judge(one, y[rows]) for w, one in zip(lesson.exits, said, strict=True) if w]
            value = torch.stack(weighed).sum()
            value.backward()  # type: ignore[no-untyped-call]
            total += value.detach() * len(rows)
            with torch.no_grad():
                for one in rules:
                    one.step(rate_at(how, steps, planned))
            steps += 1
        mean = float(total) / len(y)
        if not math.isfinite(mean):
            raise ConfigError(f"training diverged in epoch {epoch + 1} at rate {how.rate}; lower the rate")
    return Fitted(arena.save(), steps, mean)


def _laid_out(x: torch.Tensor) -> torch.Tensor:
    """Pictures with their channels last, which convolutions on a CPU read nearly twice as fast."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _split(x: NDArray[Any], batch: int) -> list[NDArray[Any]]:
    return [x[start : start + batch] for start in range(0, len(x), batch)]


def _check(module: torch.nn.Module, x: NDArray[Any], y: NDArray[Any], lesson: Lesson) -> None:
    exits = len(module.heads) + 1 if isinstance(module, Branched) else len(lesson.exits)
    if len(x) != len(y) or not len(x):
        raise ConfigError(f"{len(x)} samples with {len(y)} labels; give as many of each, at least one")
    if lesson.how.epochs < 1 or lesson.how.batch < 1:
        raise ConfigError(f"{lesson.how.epochs} epochs of batch {lesson.how.batch}; both must be at least 1")
    if len(lesson.exits) != exits or not any(lesson.exits):
        raise ConfigError(
            f"exits {lesson.exits} weigh {len(lesson.exits)} of {exits} losses; give one each, one above 0"
        )
    if lesson.frozen and not isinstance(module, Branched):
        raise ConfigError("frozen trains heads alone, and this module has none; attach branches first")
