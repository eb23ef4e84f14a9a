"""What the bench of compression learns, and the ways to send it that are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.compute import Sgd
from ..core.errors import NotFound
from ..core.label import Tier
from ..core.sample import Examples
from ..learn import Strategy
from ..learn.client import LocalSgd
from ..learn.compress import Compress, named
from ..learn.select import Uniform
from ..learn.step import Add, Momentum
from .exits_data import Part, parts

MOMENTUM = 0.9
SERVER_RATE = 0.1  # 1 - MOMENTUM: what momentum adds up, it takes back
ALL = ("raw", "dgc", "top_k", "top_k without feedback", "sign", "even 4 bit", "qsgd 4 bit", "power_sgd")


@dataclass(frozen=True)
class Task:
    """One data set and model; everybody takes part in every round."""

    name: str
    model: str
    how: Sgd
    clients: int
    rounds: int
    warm: int
    share: float  # of the weights, for dgc
    ratio: float  # bars of dgc: bytes of a round after the warm-up, raw over its own
    loss: float
    every: int = 10
    ways: tuple[str, ...] = ALL
    most: int = 100_000  # examples that are learnt from
    few: float = 0.001  # of the weights, for top_k with and without feedback

    def data(self, seed: int) -> tuple[Examples, Examples]:
        """To learn from, and to be judged by; pixels lie flat."""
        found = parts({"cifar10-jpeg": "cifar10"}.get(self.name, self.name), seed)
        return _joined(found.train, found.held).take(slice(0, self.most)), _flat(found.test)


DIGITS = Task("digits", "784-32-10", Sgd(0.1, 1, 10), 8, 80, 10, 0.05, 12.0, 0.02, 5)
TASKS = {
    "quick": (replace(DIGITS, ways=ALL[:4]),),
    "full": (
        DIGITS,
        Task("mnist", "784-200-200-10", Sgd(0.1, 1, 20), 10, 300, 20, 0.001, 250.0, 0.005, ways=ALL[:4], most=12_000),
        Task("cifar10-jpeg", "niid", Sgd(0.1, 1, 25), 10, 200, 20, 0.001, 250.0, 0.005, ways=ALL[:2], most=5_000),
    ),
}


def strategy(task: Task, name: str) -> Strategy:
    """Momentum is the server's where nothing corrects it at the client. Raises NotFound for no such way."""
    ways: dict[str, Compress | None] = {
        "raw": None,
        "dgc": named("dgc", {"share": task.share, "momentum": MOMENTUM, "warm": task.warm}),
        "top_k": named("top_k", {"share": task.few}),
        "top_k without feedback": named("top_k", {"share": task.few, "feedback": False}),
        "sign": named("sign"),
        "even 4 bit": named("even", {"bits": 4}),
        "qsgd 4 bit": named("qsgd", {"bits": 4}),
        "power_sgd": named("power_sgd", {"rank": 2}),
    }
    if name not in ways:
        raise NotFound(f"no way {name!r} to send an update; there are {', '.join(ways)}")
    made = Strategy(Uniform(task.clients), LocalSgd(task.how), compress=ways[name])
    return replace(made, step=Add(SERVER_RATE) if name == "dgc" else Momentum(MOMENTUM, SERVER_RATE))


def _joined(one: Part, other: Part) -> Examples:
    return _flat(Part(np.concatenate([one.pixels, other.pixels]), np.concatenate([one.y, other.y])))


def _flat(part: Part) -> Examples:
    return Examples(part.x.reshape(len(part.y), -1), part.y, Tier.PUBLIC)
