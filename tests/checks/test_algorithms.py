"""Every algorithm in the catalog passes the checks of its kind, and each check finds an algorithm that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ganglion import catalog
from ganglion.checks.algorithms import CHECKS
from ganglion.learn.aggregate import Mean

PARAMETERS: dict[str, dict[str, Any]] = {
    "Cusum": {"mean": 0.9, "std": 0.1},
    "Consent": {"who": "site A", "purpose": "study"},
    "Balanced": {"size": 9},
    "Reservoir": {"size": 9},
    "FairMean": {"q": 0.0},  # else equal updates are damped
}
ROWS = [(kind, name, check) for kind in catalog.kinds() for name in catalog.names(kind) for check in CHECKS[kind]]


@pytest.mark.parametrize(("kind", "name", "check"), ROWS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_the_catalog_keeps_its_contracts(kind: str, name: str, check: Callable[[Any], None]) -> None:
    check(lambda: catalog.make(kind, name, **PARAMETERS.get(name, {})))


def test_every_kind_has_checks() -> None:
    assert set(CHECKS) == set(catalog.kinds())


@dataclass(frozen=True)
class Last:
    """An aggregate that believes whoever came last."""

    def __call__(self, updates: Any) -> Any:
        return updates[-1].delta


@dataclass(frozen=True)
class Doubled(Mean):
    """A mean that is twice as large as it should be, and writes into its updates."""

    def __call__(self, updates: Any) -> Any:
        for update in updates:
            update.delta.flat[:] *= 2
        return super().__call__(updates)


@dataclass(frozen=True)
class Sum:
    """An aggregate that grows with the number of clients."""

    def __call__(self, updates: Any) -> Any:
        return updates[0].delta.with_flat(np.sum([update.delta.flat for update in updates], axis=0))


@dataclass(frozen=True)
class Relative:
    """An exit that answers what is surer than its neighbours, and prefers class 0."""

    def __call__(self, p: Any) -> Any:
        return np.asarray(p[..., 0] <= p[..., 0].mean())


@dataclass
class Forgetful:
    """A buffer that says nothing of what it throws away, and a detector whose state is an array."""

    size: int = 5
    kept: list[str] = field(default_factory=list)
    seen: Any = field(default_factory=lambda: np.zeros(1))

    def update(self, value: Any, y: int = 0, rng: Any = None) -> Any:
        if y or rng is not None:
            self.kept = [*self.kept, value][-self.size :]
            return None
        self.seen = self.seen + 1
        return bool(self.seen[0] > 1000)

    def items(self) -> tuple[str, ...]:
        return tuple(self.kept)


@dataclass(frozen=True)
class FirstCome:
    """A selection that takes the first, also where there is none."""

    def __call__(self, candidates: Any, rng: Any) -> Any:
        return tuple(candidates[:2]) or ("nobody",)


@dataclass(frozen=True)
class Greedy:
    """A partition that gives the first client everything, and the others some of it too."""

    def __call__(self, y: Any, rng: Any, owner: Any = None) -> Any:
        return [np.arange(len(y)), np.arange(3)]


@dataclass(frozen=True)
class Restless:
    """A step that moves by itself; as a preparation, it lets an update count for more."""

    def __call__(self, first: Any, second: Any, state: Any) -> Any:
        if hasattr(first, "delta"):
            return type(first)(first.delta, first.weight + 1, first.tier), state
        first.flat[:] += 1
        return first + second, state


BROKEN = [
    ("learn.aggregate", "order_of_arrival_does_not_matter", Last),
    ("learn.aggregate", "equal_updates_give_that_update", Sum),
    ("learn.aggregate", "updates_are_left_alone", Doubled),
    ("learn.aggregate", "partial_sums_are_the_whole", Doubled),
    ("infer.exit", "rows_do_not_know_each_other", Relative),
    ("infer.exit", "names_of_classes_do_not_matter", Relative),
    ("infer.exit", "certain_is_easier_than_even", Relative),
    ("infer.exit", "prints_its_parameters", object),
    ("keep.buffer", "buffers_account_for_every_item", Forgetful),
    ("detector", "detectors_are_plain_and_resume", Forgetful),
    ("detector", "detectors_are_silent_where_nothing_changes", Forgetful),
    ("learn.select", "choosing_is_fair_to_order", FirstCome),
    ("learn.partition", "nobody_has_what_another_has", Greedy),
    ("learn.step", "steps_leave_their_inputs_alone", Restless),
    ("prepare", "preparing_hides_nothing_but_the_delta", Restless),
]


@pytest.mark.parametrize(("kind", "name", "broken"), BROKEN)
def test_each_check_finds_what_breaks_it(kind: str, name: str, broken: type) -> None:
    check = next(check for check in CHECKS[kind] if check.__name__ == name)
    with pytest.raises(AssertionError):
        check(broken)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(LookupError, match=r"no learn.aggregate 'Medain'; did you mean 'Median'\?"):
        catalog.make("learn.aggregate", "Medain")
    with pytest.raises(LookupError, match=r"did you mean 'learn.aggregate'\?"):
        catalog.names("learn.agregate")
    with pytest.raises(LookupError, match="there are FairMean, Mean, Median"):
        catalog.make("learn.aggregate", "xyz")
    with pytest.raises(TypeError, match="colour"):
        catalog.make("learn.aggregate", "Mean", colour=1)
