"""What needs gradients, data or a stopwatch is yielded as one of these; an engine answers it.

A method says what to minimise, the engine how fast. An engine is made around one project's `build()`, so no request
carries an architecture, and code never travels.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .model import Model
from .ref import Ref
from .tensors import Tensors

T = TypeVar("T")
Key = tuple[str | int, ...]  # names a stream of random numbers: same key, same numbers


class Compute(Generic[T]):
    """A request whose answer has the type T: `done = yield from Fit(…)` is a `Fitted`."""

    def __iter__(self) -> Generator[Compute[T], T, T]:
        return (yield self)


Steps = Generator[Compute[Any], Any, T]


@dataclass(frozen=True)
class Sgd:
    """Plain stochastic gradient descent."""

    rate: float
    epochs: int = 1
    batch: int = 32
    momentum: float = 0.0
    decay: float = 0.0  # L2, on every weight
    cooling: float = 0.0  # share of the steps, at the end, over which the rate falls in a line to nothing


@dataclass(frozen=True)
class Adam:
    """Adam with decoupled weight decay. Source: Loshchilov & Hutter 2019, arXiv:1711.05101."""

    rate: float
    epochs: int = 1
    batch: int = 32
    decay: float = 0.0
    cooling: float = 0.0  # share of the steps, at the end, over which the rate falls in a line to nothing


@dataclass(frozen=True)
class CrossEntropy:
    """Cross entropy summed over the exits, each with its weight; one weight serves a model without extra exits."""

    exits: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, eq=False)
class Pull:
    """Adds strength / 2 * |w - toward|^2 to the loss: FedProx, Ditto, L2-SP; with `scale` per weight also EWC."""

    strength: float
    toward: Tensors
    scale: Tensors | None = None


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights after training, and how it went."""

    weights: Tensors
    steps: int
    loss: float  # mean over the last epoch


@dataclass(frozen=True, eq=False)
class Fit(Compute[Fitted]):
    """Train from `start` on the examples behind `data`; `key` decides every shuffle."""

    start: Tensors
    data: tuple[Ref, ...]  # example files, taken together
    how: Sgd | Adam
    key: Key
    loss: CrossEntropy = CrossEntropy()
    pulls: tuple[Pull, ...] = ()
    push: Tensors | None = None  # a constant added to the gradient: SCAFFOLD, FedDyn
    only: str = ""  # a prefix of the tensors that may move; "" = all


@dataclass(frozen=True, eq=False)
class Initial(Compute[Tensors]):
    """Fresh weights of the project's model."""

    key: Key


@dataclass(frozen=True)
class Exported:
    """One graph per stage without weights, and the weights once."""

    graphs: tuple[tuple[int, int, bytes], ...]  # (first segment, past-the-last segment, ONNX bytes)
    weights: bytes  # safetensors: every initializer of every graph, once
    model: Model  # what the graphs were cut from
    memory_bytes: tuple[int, ...] = ()  # per graph: its weights and the most that lives at once of its activations


@dataclass(frozen=True, eq=False)
class Export(Compute[Exported]):
    """ONNX graphs for every stage [first, last) of the model's segments, float32 or int8.

    A stage takes the raw input (first = 0) or the tensor at its boundary and returns calibrated class probabilities
    for each exit in it, then the tensor at its far boundary.
    """

    weights: Tensors
    temperatures: tuple[float, ...]  # per exit; probabilities are softmax(logits / temperature)
    int8: bool
    calibration: tuple[Ref, ...] = ()  # examples for int8 ranges


@dataclass(frozen=True, eq=False)
class Predicted:
    """Logits per exit."""

    logits: tuple[Any, ...]  # one [n, classes] float32 array per exit, nearest first


@dataclass(frozen=True, eq=False)
class Predict(Compute[Predicted]):
    """What the model says to the examples behind `data`: as trained, or as exported.

    Logits of an exported model are the logarithms of its calibrated probabilities.
    """

    weights: Tensors | Exported
    data: tuple[Ref, ...]


@dataclass(frozen=True)
class Scored:
    """How well a model does: the last exit's mean cross entropy, and how many it has right."""

    loss: float
    right: int
    examples: int


@dataclass(frozen=True, eq=False)
class Score(Compute[Scored]):
    """Judge weights by the labelled examples behind `data`."""

    weights: Tensors
    data: tuple[Ref, ...]
