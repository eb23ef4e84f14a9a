"""What an edge and the cloud say about a candidate, and the work each asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref
from ...core.update import Counted, Statistic


@dataclass(frozen=True)
class Candidate:
    """Edge to cloud: this change of release `counter` helps here; it was protected, and pushed before."""

    site: str
    counter: int
    update: Counted
    evidence: Statistic

    @property
    def key(self) -> str:
        """Which improvement it begins."""
        return f"{self.site}-{self.counter}"


@dataclass(frozen=True)
class Material:
    """Work: what there is to learn on from: the active release's weights and its public replay examples."""


@dataclass(frozen=True)
class Materials:
    """Result."""

    counter: int
    weights: Ref
    replay: Ref


@dataclass(frozen=True)
class Learn:
    """Work: transfer: learn from fresh examples together with replayed ones."""

    weights: Ref
    data: tuple[Ref, ...]
    replay: Ref
    counter: int
    number: int = 0  # of the round that it is a share of; 0 = on this site alone


@dataclass(frozen=True)
class Improved:
    """Result: a change under the tier of its data, and accuracies on examples that were held out."""

    update: Counted
    samples: int
    before: float
    after: float
    tier: int


@dataclass(frozen=True)
class Protect:
    """Work: lower the label of an update by the node's declared mechanism, or refuse."""

    update: Counted
    purpose: str


@dataclass(frozen=True)
class Protected:
    """Result: an update that may leave, and what was done to it."""

    update: Counted
    mechanism: str
    epsilon: float
    delta: float


@dataclass(frozen=True)
class Apply:
    """Work: the weights of a release plus a change."""

    counter: int
    update: Counted


@dataclass(frozen=True)
class Labelling:
    """A fact: so many of the wanted labels are there."""

    site: str
    labelled: int
    wanted: int


@dataclass(frozen=True)
class LearntLocally:
    """A fact: the edge has learned."""

    site: str
    samples: int
    before: float
    after: float


@dataclass(frozen=True)
class Withheld:
    """A fact: an update stays where it is, and why."""

    site: str
    why: str
