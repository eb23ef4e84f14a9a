"""Any module becomes a graph the planner can cut, or a message that says why not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganglion.core.compute import Initial
from ganglion.core.errors import ConfigError
from ganglion.core.model import Kernel, Model
from ganglion.core.tensors import Tensors
from ganglion.demo.project.model import SHAPES
from ganglion.engine.memory import activation_bytes, segment_of
from ganglion.engine.torch import TorchEngine, capture


@pytest.fixture(scope="module")
def captured(weights: dict[str, Tensors], builds: Any) -> dict[str, Model]:
    return {name: capture(builds[name], weights[name], (1, 8, 8)) for name in builds}


def test_the_demos_network_has_three_segments(captured: dict[str, Model], weights: dict[str, Tensors]) -> None:
    model = captured["cnn"]
    assert (model.classes, len(model.exits), len(model.boundaries)) == (10, 3, 3)
    assert model.boundaries[0] == "input"
    assert model.weights == weights["cnn"].digest()
    assert len(list(model.stages())) == 6
    made = {kernel.name: kernel for kernel in model.kernels}
    assert [made[name].op for name in model.boundaries[1:]] == ["max_pool2d", "relu"]
    widths = SHAPES["digits"].widths
    assert [made[name].out_bytes for name in model.boundaries[1:]] == [width * 4 * 4 * 4 for width in widths[:2]]
    assert sum(kernel.param_bytes for kernel in model.kernels) == weights["cnn"].flat.nbytes
    first = model.kernels[0]
    assert (first.inputs, first.flops) == (("input",), 2 * 8 * 8 * widths[0] * 9)


def test_kernels_come_after_what_they_read(captured: dict[str, Model]) -> None:
    for model in captured.values():
        seen = {"input"}
        for kernel in model.kernels:
            assert kernel.inputs and set(kernel.inputs) <= seen
            seen.add(kernel.name)
        assert set(model.exits) <= seen


def test_one_exit_and_other_families(captured: dict[str, Model], weights: dict[str, Tensors]) -> None:
    for name in ("lstm", "mlp"):
        model = captured[name]
        assert (len(model.exits), model.boundaries) == (1, ("input",))
        assert sum(kernel.param_bytes for kernel in model.kernels) == weights[name].flat.nbytes


def test_a_branch_within_a_segment_is_no_second_boundary(captured: dict[str, Model]) -> None:
    model = captured["normed"]
    assert len(model.boundaries) == 2
    ops = {kernel.name: kernel.op for kernel in model.kernels}
    assert ops[model.boundaries[1]] == "add"


class TwoTensors(nn.Module):
    """A later part that reads two tensors of an earlier one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        a = torch.relu(self.a(x))
        b = torch.tanh(self.b(a))
        return self.c(b), self.c(a * b)


class Ensemble(TwoTensors):
    """Two models that both read the input."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.c(self.a(x)), self.c(self.b(x))


class Twice(TwoTensors):
    """The same logits as two exits."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.c(x)
        return out, out


class Unequal(TwoTensors):
    """Exits that do not tell the same classes apart."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.a(x)
        return out, self.c(out)


class Steep(TwoTensors):
    """An output that is not one row of logits per example."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        total: torch.Tensor = self.a(x).sum()
        return total


class Branching(TwoTensors):
    """A model whose operations depend on the values it sees."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        out: torch.Tensor = self.c(x if float(x.sum()) > 0 else -x)
        return out


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (TwoTensors, r"joined by \['relu', 'tanh'\]"),
        (Ensemble, r"joined by \['x'\]"),
        (Twice, "exit 2 computes nothing"),
        (Unequal, r"\[4, 3\] classes"),
        (Steep, r"output 1 has shape \(\)"),
        (Branching, "cannot be captured"),
    ],
)
def test_what_cannot_be_cut_is_named(build: type[nn.Module], message: str, shelf: Any) -> None:
    fresh = TorchEngine(build, shelf.read).answer(Initial(("a",)))
    with pytest.raises(ConfigError, match=message):
        capture(build, fresh, (4,))


def test_memory_is_what_lives_at_once() -> None:
    kernels = (
        Kernel("a", "conv", ("input",), 100, 0, 0),
        Kernel("b", "relu", ("a",), 100, 0, 0),
        Kernel("e1", "linear", ("b",), 8, 0, 0),
        Kernel("c", "conv", ("b",), 30, 0, 0),
        Kernel("d", "add", ("c", "b"), 30, 0, 0),
        Kernel("e2", "linear", ("d",), 8, 0, 0),
    )
    model = Model(kernels, (5,), 2, ("e1", "e2"), ("input", "b"), "")
    assert segment_of(model) == {"a": 0, "b": 0, "e1": 0, "c": 1, "d": 1, "e2": 1}
    assert activation_bytes(model, 0, 1) == 200  # a and b; then b, which goes on, and e1
    assert activation_bytes(model, 1, 2) == 160  # b, c, d
    assert activation_bytes(model, 0, 2) == 200
