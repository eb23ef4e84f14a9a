"""Finds out whether a module is a stack of dense layers, by running it once and reading what it asked torch to do.

Names and classes do not matter: `nn.Linear`, `F.linear` and `x @ w.T + b` come to the same operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .arena import Arena

aten = torch.ops.aten
RESHAPES = (aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.alias.default, aten.detach.default)
BENDS = {aten.relu.default: "relu", aten.tanh.default: "tanh", aten.sigmoid.default: "sigmoid"}


@dataclass(frozen=True)
class Layer:
    """out = bend(x @ weight.T + bias); `weight` and `bias` are places in the model's layout."""

    weight: int
    bias: int | None
    bend: str  # "", "relu", "tanh" or "sigmoid"


class _Record(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation with its arguments and result; the tensors are kept, so that no address is used twice."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Sequence[Any], Any]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would load its compiler, seconds of it, to be told so."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, (*args, *(kwargs or {}).values()), out))
        return out


def dense_layers(arena: Arena, shape: tuple[int, ...]) -> tuple[Layer, ...] | None:
    """The layers of a dense stack for inputs [batch, *shape], or None where the module is anything else.

    Every weight must be used, each once, and nothing but the input may reach the output.
    """
    x = torch.zeros(3, *shape)  # a batch that is no common width
    arena.train("")
    with torch.no_grad(), _Record() as seen:
        out = arena.module(x)
    if not isinstance(out, torch.Tensor) or out.dim() != 2:
        return None
    read = _Reading({tensor.data_ptr(): place for place, (_, tensor) in enumerate(arena.named)}, arena, x)
    if not all(read.call(*call) for call in seen.calls):
        return None
    used = [place for layer in read.layers for place in (layer.weight, layer.bias) if place is not None]
    whole = sorted(used) == list(range(len(arena.named))) and read.carries(out)
    learns = all(isinstance(tensor, torch.nn.Parameter) for _, tensor in arena.named)
    return tuple(read.layers) if whole and learns and not read.layers[-1].bend else None


class _Reading:
    """Follows the one tensor that carries the data through the calls."""

    def __init__(self, places: Mapping[int, int], arena: Arena, x: torch.Tensor) -> None:
        self._places, self._arena, self._now = places, arena, x
        self._turned: dict[int, int] = {}  # id of a transposed weight -> its place
        self.layers: list[Layer] = []

    def call(self, func: Any, args: Sequence[Any], out: Any) -> bool:
        """Takes one call in; False where it does not belong to a dense stack."""
        if func in RESHAPES and args[0] is self._now:
            self._now = out
            return bool(out.dim() == 2 and len(out) == 3) or func not in RESHAPES[:3]
        if func is aten.t.default and self._place(args[0]) is not None:
            self._turned[id(out)] = self._places[args[0].data_ptr()]
            return True
        if func is aten.addmm.default and len(args) == 3 and args[1] is self._now:
            return self._layer(args[2], args[0], out)
        if func is aten.mm.default and args[0] is self._now:
            return self._layer(args[1], None, out)
        if func is aten.add.Tensor and args[0] is self._now and self.layers and self._biased(args[1:]):
            self._now = out
            return True
        if func in BENDS and args[0] is self._now and self.layers and not self.layers[-1].bend:
            last = self.layers.pop()
            self.layers.append(Layer(last.weight, last.bias, BENDS[func]))
            self._now = out
            return True
        return False

    def carries(self, out: torch.Tensor) -> bool:
        """Whether this is the tensor that was followed."""
        return bool(self.layers) and out is self._now

    def _place(self, tensor: Any) -> int | None:
        if not isinstance(tensor, torch.Tensor):
            return None
        place = self._places.get(tensor.data_ptr())
        same = place is not None and tensor.shape == self._arena.named[place][1].shape
        return place if same else None

    def _layer(self, turned: torch.Tensor, bias: Any, out: torch.Tensor) -> bool:
        weight, offset = self._turned.get(id(turned)), self._place(bias)
        if weight is None or (bias is not None and offset is None):
            return False
        self.layers.append(Layer(weight, offset, ""))
        self._now = out
        return True

    def _biased(self, given: Sequence[Any]) -> bool:
        """A bias that is added on its own."""
        last = self.layers[-1]
        offset = self._place(given[0])
        if len(given) != 1 or offset is None or last.bias is not None or last.bend:
            return False
        self.layers[-1] = Layer(last.weight, offset, "")
        return True
