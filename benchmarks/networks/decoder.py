"""A small decoder in the manner of Llama: grouped queries, rotary positions, gated dense layers; one forward, no cache.

Its cache of keys and values cannot be split yet, so it reads a whole sequence at once. Source: Touvron et al. 2023,
arXiv:2302.13971; Su et al. 2021, arXiv:2104.09864; Ainslie et al. 2023, arXiv:2305.13245.
"""

from __future__ import annotations

import torch
from torch import nn

DYNAMIC = {"tokens": {0: "batch", 1: "sequence"}}


class Block(nn.Module):
    """Attention in which two queries share a key, and a gated dense layer."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.each = heads, size // heads
        shared = self.each * (heads // 2)
        self.before, self.between = nn.RMSNorm(size), nn.RMSNorm(size)
        self.query, self.write = nn.Linear(size, size, bias=False), nn.Linear(size, size, bias=False)
        self.key, self.value = nn.Linear(size, shared, bias=False), nn.Linear(size, shared, bias=False)
        inner = 3 * size
        self.gate, self.up = nn.Linear(size, inner, bias=False), nn.Linear(size, inner, bias=False)
        self.down = nn.Linear(inner, size, bias=False)

    def forward(self, x: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
        y = self.before(x)
        query, key = (rotated(self._split(one(y)), turn) for one in (self.query, self.key))
        key, value = (one.repeat_interleave(2, 1) for one in (key, self._split(self.value(y))))
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.write(seen.transpose(1, 2).flatten(2))
        y = self.between(x)
        out: torch.Tensor = x + self.down(nn.functional.silu(self.gate(y)) * self.up(y))
        return out

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], x.shape[1], -1, self.each).transpose(1, 2)


def rotated(x: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Each pair of values turned by its position's angle."""
    left, right = x.chunk(2, -1)
    return x * turn[0] + torch.cat([-right, left], -1) * turn[1]


class Decoder(nn.Module):
    """The next token's logits at every position."""

    frequencies: torch.Tensor

    def __init__(self, width: float) -> None:
        super().__init__()
        heads = max(2, 2 * round(4 * width))
        size, words = heads * (64 if width >= 1 else 16), max(50, round(8000 * width))
        each = size // heads
        self.words = nn.Embedding(words, size)
        self.register_buffer("frequencies", 10000.0 ** (-torch.arange(0, each, 2) / each), persistent=False)
        self.blocks = nn.ModuleList(Block(size, heads) for _ in range(6 if width >= 1 else 2))
        self.norm, self.head = nn.RMSNorm(size), nn.Linear(size, words, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        place = torch.arange(tokens.shape[1])
        angles = torch.outer(place.float(), self.frequencies).repeat(1, 2)
        turn = angles.cos(), angles.sin()
        mask = place[:, None] >= place[None, :]
        x = self.words(tokens)
        for block in self.blocks:
            x = block(x, turn, mask)
        out: torch.Tensor = self.head(self.norm(x))
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the heads."""
    return Decoder(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """A sequence of tokens."""
    return (torch.randint(0, 50, (1, 64 if width >= 1 else 12)),)
