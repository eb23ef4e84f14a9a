"""A module whose weights and gradients are views of two flat buffers, so that an update rule is a few passes."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...core.errors import ConfigError
from ...core.tensors import Layout, Tensors


class Arena:
    """Moves a module's float parameters and buffers, in the order of its state_dict, into one buffer."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module.to(torch.float32)
        named = [(n, t) for n, t in module.state_dict(keep_vars=True).items() if t.is_floating_point()]
        _refuse_shared(named)
        self.layout: Layout = tuple((name, tuple(tensor.shape)) for name, tensor in named)
        self.flat = torch.cat([tensor.detach().reshape(-1) for _, tensor in named]) if named else torch.zeros(0)
        self.grad = torch.zeros_like(self.flat)
        self.named = named
        for (_, tensor), part in zip(named, self._parts(), strict=True):
            tensor.data = self.flat[part].view(tensor.shape)

    def load(self, weights: Tensors) -> None:
        """Takes these weights. Raises ConfigError when they are of another model."""
        if weights.layout != self.layout:
            raise ConfigError(
                f"weights with the tensors {[name for name, _ in weights.layout]} do not fit a model with "
                f"{[name for name, _ in self.layout]}, or differ in a shape; use weights of the project's own build()"
            )
        self.flat.copy_(torch.from_numpy(weights.flat))

    def save(self) -> Tensors:
        """A copy of the weights."""
        return Tensors(self.flat.numpy().copy(), self.layout)

    def moving(self, prefix: str) -> list[slice]:
        """Lets only parameters whose name begins so have gradients; gives the parts of the buffer they fill.

        Raises ConfigError when there is none.
        """
        parts: list[slice] = []
        for (name, tensor), part in zip(self.named, self._parts(), strict=True):
            moves = isinstance(tensor, torch.nn.Parameter) and name.startswith(prefix)
            tensor.requires_grad_(moves)
            if not moves:
                continue
            tensor.grad = self.grad[part].view(tensor.shape)
            if parts and parts[-1].stop == part.start:
                part = slice(parts.pop().start, part.stop)
            parts.append(part)
        if not parts:
            raise ConfigError(f"no parameter begins with {prefix!r}; there are {[name for name, _ in self.layout]}")
        return parts

    def forget(self, written: bool) -> None:
        """Clears gradients for a step: those in the buffer, or else those that autograd is to make anew."""
        if written:
            self.grad.zero_()
            return
        for _, tensor in self.named:
            tensor.grad = None

    def descend(self, rate: float) -> None:
        """weights -= rate * gradients, as autograd made them: no pass over the buffers but this."""
        moved = [tensor for _, tensor in self.named if tensor.grad is not None]
        torch._foreach_add_(moved, [tensor.grad for tensor in moved], alpha=-rate)

    def train(self, prefix: str) -> None:
        """Puts modules in training mode, but for those whose running statistics may not move."""
        self.module.train()
        for path, module in self.module.named_modules():
            own = [f"{path}.{name}".lstrip(".") for name, _ in module.named_buffers(recurse=False)]
            if own and not all(name.startswith(prefix) for name in own):
                module.eval()

    def _parts(self) -> Iterator[slice]:
        start = 0
        for _, tensor in self.named:
            yield slice(start, start + tensor.numel())
            start += tensor.numel()


def _refuse_shared(named: list[tuple[str, torch.Tensor]]) -> None:
    first: dict[int, str] = {}
    for name, tensor in named:
        other = first.setdefault(id(tensor), name)
        if other != name:
            raise ConfigError(f"tensors {other!r} and {name!r} are one and the same; give each layer its own weights")
