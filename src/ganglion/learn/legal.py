"""Which choices contradict each other: one table, asked when a strategy is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ConfigError

# What an aggregate may need of the updates, and what a protection may hide of them: need -> (why, nearest legal choice)
FACTS = {
    "each": (
        "has to see every update by itself",
        "Mean, which needs only their sum, or leave out what hides them",
    ),
    "weight": (
        "has to see how many examples each update counts for, which was promised to stay hidden",
        "Mean(weighted=False)",
    ),
    "every": (
        "looks at each weight of every update, and most are left out",
        "Mean, or a compression that sends every weight: even, sign or power_sgd",
    ),
}


def needs(choice: Any) -> frozenset[str]:
    """What a choice declares to need; nothing, if it declares nothing."""
    return frozenset(getattr(choice, "needs", ()))


def hides(choice: Any) -> frozenset[str]:
    """What a choice declares to hide."""
    return frozenset(getattr(choice, "hides", ()))


def check(prepare: Sequence[Any], aggregate: Any, shares: Sequence[str] = (), compress: Any = None) -> None:
    """Raises ConfigError if a later choice needs what an earlier one hides, naming the nearest legal one.

    So it does for tensors that a method shares beside its delta where the delta is protected: they would leave bare.
    """
    if shares and prepare:
        named = " and ".join(shares)
        raise ConfigError(f"{prepare[0]} would not see {named}, which leaves beside the delta; choose LocalSgd(…)")
    hidden: dict[str, Any] = {}
    for choice in (*prepare, *(() if compress is None else (compress,)), aggregate):
        unknown = (needs(choice) | hides(choice)) - set(FACTS)
        if unknown:
            raise ConfigError(f"{choice} speaks of {sorted(unknown)}; the table knows {sorted(FACTS)}: add a row")
        for fact in sorted(needs(choice) & set(hidden)):
            why, remedy = FACTS[fact]
            raise ConfigError(f"{choice} {why}, but {hidden[fact]} hides it; choose {remedy}")
        hidden |= {fact: choice for fact in hides(choice)}


def one_momentum(train: Any, step: Any, compress: Any) -> None:
    """Raises ConfigError where a step is given momentum twice: at the client or the server, and by what compresses."""
    memory = getattr(compress, "memory", None)
    if not getattr(memory, "momentum", 0.0):
        return
    local = getattr(getattr(train, "how", None), "momentum", 0.0)
    for owner, given in ((train, local), (step, getattr(step, "beta", 0.0))):
        if given:
            raise ConfigError(
                f"{memory} corrects momentum, and {owner} has its own: a step would be multiplied twice; "
                "give one of them momentum 0"
            )
