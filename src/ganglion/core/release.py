"""A signed, versioned package of a model: graphs, weights, plans, calibration and what it must answer."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Plan
from .ref import Ref

FORMAT = 1


@dataclass(frozen=True)
class StageGraph:
    """One offered stage; its weights are in the release's one weights blob."""

    first: int
    last: int
    graph: Ref
    memory_bytes: int  # its weights and largest activations


@dataclass(frozen=True)
class Release:
    """The manifest. `counter` grows with every release of a name; a node never installs a lower one than its floor."""

    name: str
    counter: int
    parent: int  # counter of the release it was learnt from; 0 = none
    trigger: str  # why it was made
    weights: Ref  # float32 tensors to learn on from
    replay: Ref  # public examples to rehearse while learning on
    stored: Ref  # the initializers of all graphs, once
    graphs: tuple[StageGraph, ...]
    plans: tuple[Plan, ...]  # the first is the default; the others are baselines by name
    input_shape: tuple[int, ...]
    scale: float  # what a uint8 sample is multiplied by; others come as float32
    classes: int
    exits: int
    confidence: tuple[tuple[float, float], ...]  # per exit: mean and standard deviation on the calibration set
    features: tuple[tuple[float, float], ...]  # of the first boundary, per channel: mean and standard deviation there
    distance: tuple[float, float]  # of features from those means: mean and standard deviation there
    golden_x: Ref  # inputs [n, ...] float32
    golden_y: Ref  # probabilities of the last exit [n, classes] float32
    tolerance: float
    evaluation: tuple[tuple[str, float], ...]
    format: int = FORMAT

    def plan(self, name: str = "") -> Plan:
        """A plan by name; "" is the default."""
        for plan in self.plans:
            if name in ("", plan.name):
                return plan
        raise LookupError(f"release {self.counter} has no plan {name!r}; it has {[p.name for p in self.plans]}")

    def refs(self) -> tuple[Ref, ...]:
        """Every blob a node needs to serve it (float32 weights are for those that learn)."""
        return (self.stored, *(graph.graph for graph in self.graphs), self.golden_x, self.golden_y)


@dataclass(frozen=True)
class Signed:
    """A manifest's bytes and who vouches for them."""

    manifest: bytes  # the codec's encoding of a Release
    signature: bytes  # Ed25519 over `manifest`
