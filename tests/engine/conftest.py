"""Small models and real digits that the engine's tests share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn

from ganglion.core.blob import examples_to_bytes
from ganglion.core.compute import Export, Exported, Initial
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.ref import Ref
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors
from ganglion.demo.project.data import Split, split
from ganglion.demo.project.model import build
from ganglion.engine.torch import TorchEngine


@dataclass
class Shelf:
    """Examples by reference."""

    held: dict[Ref, bytes] = field(default_factory=dict)

    def put(self, examples: Examples) -> Ref:
        raw = examples_to_bytes(examples)
        ref = Ref(hashlib.sha256(raw).hexdigest(), len(raw), PUBLIC_RAW)
        self.held[ref] = raw
        return ref

    def read(self, ref: Ref) -> bytes:
        return self.held[ref]


class Sequential(nn.Module):
    """A recurrent classifier of rows: one exit."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 12, batch_first=True)
        self.out = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.out(self.lstm(x.flatten(1, 2))[0][:, -1])
        return out


class Normed(nn.Module):
    """Convolutions with running statistics, a residual branch and two exits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.branch = nn.Conv2d(6, 6, 3, padding=1)
        self.near = nn.Linear(6 * 64, 10)
        self.far = nn.Sequential(nn.Flatten(), nn.Linear(6 * 64, 10))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.stem(x)
        x = x + torch.relu(self.branch(x))
        return self.near(x.view(x.size(0), -1)), self.far(torch.tanh(x))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))


BUILDS: dict[str, Callable[[], nn.Module]] = {"cnn": build, "lstm": Sequential, "normed": Normed, "mlp": mlp}


@pytest.fixture(scope="session")
def builds() -> dict[str, Callable[[], nn.Module]]:
    return BUILDS


@pytest.fixture(scope="session")
def digits() -> Split:
    return split("digits", seed=3)


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="session")
def engines(shelf: Shelf) -> dict[str, TorchEngine]:
    """One per model, so that each is exported once for all tests."""
    return {name: TorchEngine(made, shelf.read) for name, made in BUILDS.items()}


@pytest.fixture(scope="session")
def weights(engines: dict[str, TorchEngine]) -> dict[str, Tensors]:
    """Fresh ones, with running statistics that are not those of an untrained model."""
    found = {name: engine.answer(Initial(("test",))) for name, engine in engines.items()}
    found["normed"]["stem.1.running_mean"][:] = np.linspace(-0.2, 0.2, 6)
    found["normed"]["stem.1.running_var"][:] = np.linspace(0.5, 1.5, 6)
    return found


@pytest.fixture(scope="session")
def exported(
    engines: dict[str, TorchEngine], weights: dict[str, Tensors], digits: Split, shelf: Shelf
) -> Callable[[str, bool], Exported]:
    """A model's stages in float32 or int8, with unlike temperatures."""
    made: dict[tuple[str, bool], Exported] = {}
    exits = {"cnn": (0.8, 1.3, 1.7), "lstm": (1.2,), "normed": (1.1, 0.9), "mlp": (1.5,)}

    def export(name: str, int8: bool) -> Exported:
        if (name, int8) not in made:
            asked = Export(weights[name], exits[name], int8, (shelf.put(digits.calibration),))
            made[name, int8] = engines[name].answer(asked)
        return made[name, int8]

    return export
