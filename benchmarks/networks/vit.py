"""A small vision transformer on 224 x 224 images, 32 x 32 when it is narrow.

Source: Dosovitskiy et al. 2021, arXiv:2010.11929.
"""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """Attention and a dense layer, each beside a shortcut, each normalised first."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.read, self.write = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.dense = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.read(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(*parts.unbind(0))
        x = x + self.write(seen.transpose(1, 2).flatten(2))
        out: torch.Tensor = x + self.dense(self.between(x))
        return out


class VisionTransformer(nn.Module):
    """Patches and a class token."""

    def __init__(self, width: float, patch: int, patches: int) -> None:
        super().__init__()
        heads = max(1, round(3 * width))
        size = heads * (64 if width >= 1 else 16)
        self.patches = nn.Conv2d(3, size, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, size) * 0.02)
        self.position = nn.Parameter(torch.randn(1, patches + 1, size) * 0.02)
        self.blocks = nn.Sequential(*(Block(size, heads) for _ in range(6 if width >= 1 else 2)))
        self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, max(10, round(1000 * width)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        out: torch.Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the heads."""
    side, patch = (224, 16) if width >= 1 else (32, 8)
    return VisionTransformer(width, patch, (side // patch) ** 2)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 224 if width >= 1 else 32
    return (torch.rand(1, 3, side, side),)
