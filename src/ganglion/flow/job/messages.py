"""What a job is asked for, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.model import Model
from ...core.profile import Profile
from ...core.ref import Ref
from ...core.release import StageGraph


@dataclass(frozen=True)
class Order:
    """A release is wanted: of fresh weights, or of these."""

    trigger: str
    weights: Ref | None = None
    parent: int = 0  # the release it is learnt from
    start: int = 0  # a release to train on from; 0 = from nothing
    swapped: float = 0.0  # share of two classes' labels to swap in training: a release that is bad on purpose


@dataclass(frozen=True)
class FreshWeights:
    """Work: train the project's model on the cloud's public examples."""

    start: int
    swapped: float


@dataclass(frozen=True)
class MakeDraft:
    """Work: export every stage, small if the calibration set allows."""

    weights: Ref


@dataclass(frozen=True)
class Draft:
    """Result: the stages of these weights, before anybody has planned with them."""

    weights: Ref
    stored: Ref
    graphs: tuple[StageGraph, ...]
    model: Model  # its `weights` is the digest of `stored`
    calibration: Ref  # probabilities per exit on the calibration set, and its labels
    precision: str


@dataclass(frozen=True)
class Package:
    """Work: plan, evaluate, sign. Fails when the candidate forgets more than it may."""

    number: int
    draft: Draft
    profiles: tuple[tuple[int, Profile], ...]
    order: Order


@dataclass(frozen=True)
class Packaged:
    """Result: a signed release."""

    counter: int
    manifest: Ref
    evaluation: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Released:
    """A fact: there is a release; it goes out now."""

    counter: int
    manifest: Ref
    trigger: str
    evaluation: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class JobOver:
    """A fact: a job ended; `counter` is 0 when nothing was released."""

    number: int
    counter: int
    kept: bool
    why: str


@dataclass(frozen=True)
class JobStep:
    """A fact: a job has moved on."""

    number: int
    step: str
