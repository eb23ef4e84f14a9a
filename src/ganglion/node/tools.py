"""What work may touch: a node's disk, keys, random numbers, engines and the tensors of requests in flight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from ..core.codec import Codec
from ..core.compute import Adam, CrossEntropy, Sgd
from ..core.errors import NotFound
from ..core.fleet import Fleet, NodeId
from ..core.label import Label, Tier
from ..core.plan import Goal
from ..core.ports import Disk, Engine, Rng, Vault
from ..core.profile import Profile
from ..core.ref import HELD, Ref
from ..core.sample import Examples
from ..protect import Consent, Noise


class Runner(Protocol):
    """Runs one exported stage: `engine/onnx` is one; it needs no torch."""

    name: str  # runtime and version

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        """A function from the stage's input [batch, ...] to its outputs: probabilities per exit, then the boundary."""
        ...


class Tray:
    """Tensors of requests in flight, by name; the oldest make room, for nothing here outlives its request."""

    def __init__(self, me: NodeId, capacity_bytes: int = 64 << 20) -> None:
        self._me = me
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._held: dict[str, NDArray[Any]] = {}

    def put(self, name: str, array: NDArray[Any], label: Label) -> Ref:
        """Holds an array under a name and gives the reference that stands for it."""
        ref = Ref(f"{HELD}{self._me}/{name}", int(array.nbytes), label)
        self.take(ref, array)
        return ref

    def take(self, ref: Ref, array: NDArray[Any]) -> None:
        """Holds an array that arrived with a reference made elsewhere."""
        old = self._held.pop(ref.digest, None)
        self._held_bytes += int(array.nbytes) - (0 if old is None else int(old.nbytes))
        self._held[ref.digest] = array
        while self._held_bytes > self._capacity_bytes and len(self._held) > 1:
            oldest = next(iter(self._held))
            self._held_bytes -= int(self._held.pop(oldest).nbytes)

    def get(self, ref: Ref) -> NDArray[Any]:
        """The array behind a reference."""
        try:
            return self._held[ref.digest]
        except KeyError:
            raise NotFound(f"tensor {ref.digest} is not held here any more; its request has ended") from None

    def holds(self, ref: Ref) -> bool:
        """Whether it is still here."""
        return ref.digest in self._held

    def __len__(self) -> int:
        return len(self._held)


@dataclass(frozen=True)
class Policy:
    """What the nodes of a fleet were told to do, and how much of it."""

    goal: Goal = Goal()
    mix: tuple[tuple[Tier, float], ...] = ((Tier.PUBLIC, 0.6), (Tier.EDGE, 0.3), (Tier.USER, 0.1))  # declared
    wanted_labels: int = 300  # before an edge learns from a drift
    least_labels: int = 50  # below which an edge declines a round
    label_delay_s: float = 2.0  # declared: how long the on-site source takes for a label
    trial_inputs: int = 150  # samples that count, before a trial lets a release pass
    kept_samples: int = 4000  # quota of an edge's store
    promised_bytes: int = 1 << 30  # quota of the outbox: above it the oldest samples are given up, and a gap says so
    patience_s: float = 120.0  # of rounds, surveys and roll-outs
    max_forgetting: float = 0.03  # accuracy on public data that a candidate may lose
    mechanism: Noise | Consent | None = None  # how an update may leave its tier; None: it may not


class Sensor(Protocol):
    """What a device measures: reading number so and so of a source, under the tier it is born with."""

    def __call__(self, source: str, number: int) -> tuple[NDArray[Any], Tier]: ...


class Labels(Protocol):
    """An on-site source of labels: the class of a sample, or None where it does not label that one."""

    def __call__(self, sample: str) -> int | None: ...


class Project(Protocol):
    """The user's side of training: what to learn from and how."""

    classes: int
    scale: float  # of uint8 samples
    fresh: Recipe  # for weights from nothing
    transfer: Recipe  # for learning on from a release's weights
    round: Recipe  # for one client's share of a round: gentle, for others' knowledge is in the base

    def examples(self, part: str) -> Examples:
        """Public examples in the cloud: "train", "calibration"."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How to fit."""

    how: Sgd | Adam
    loss: CrossEntropy


@dataclass
class Tools:
    """Handed to every piece of work. `engine` is None on the agent: what needs it runs in a worker."""

    me: NodeId
    fleet: Fleet
    disk: Disk
    rng: Rng
    vault: Vault
    codec: Codec
    tray: Tray
    runner: Runner
    policy: Policy = Policy()
    engine: Engine | None = None
    project: Project | None = None
    sensor: Sensor | None = None
    labels: Labels | None = None
    shipped: Mapping[int, Profile] = field(default_factory=dict)  # by zone: taken instead of measuring
    stopwatch: Callable[[], float] = lambda: 0.0  # seconds; it stands still in the simulator
    loaded: dict[str, Any] = field(default_factory=dict)  # what work keeps between calls on this node, by name
