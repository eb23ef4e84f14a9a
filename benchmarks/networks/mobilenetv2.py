"""MobileNetV2 on 224 x 224 images, 64 x 64 when it is narrow. Source: Sandler et al. 2018, arXiv:1801.04381."""

from __future__ import annotations

import torch
from torch import nn

ROWS = (  # expansion, channels, repeats, first stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def layer(given: int, made: int, window: int, stride: int, groups: int = 1) -> list[nn.Module]:
    """A convolution, its statistics, its ReLU6."""
    convolution = nn.Conv2d(given, made, window, stride, window // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(made), nn.ReLU6()]


class Inverted(nn.Module):
    """Wider within than at its ends, which are joined where they are alike."""

    def __init__(self, given: int, made: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = given * expansion
        layers = layer(given, inner, 1, 1) if expansion > 1 else []
        layers += layer(inner, inner, 3, stride, inner)
        self.body = nn.Sequential(*layers, nn.Conv2d(inner, made, 1, bias=False), nn.BatchNorm2d(made))
        self.joined = stride == 1 and given == made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.body(x) if self.joined else self.body(x)
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""

    def wide(channels: int) -> int:
        return max(4, round(channels * width))

    layers = layer(3, wide(32), 3, 2)
    given = wide(32)
    for expansion, channels, repeats, stride in ROWS:
        for turn in range(repeats):
            layers.append(Inverted(given, wide(channels), expansion, stride if turn == 0 else 1))
            given = wide(channels)
    last = wide(1280)
    layers += [*layer(given, last, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(last, wide(1000)))


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 224 if width >= 1 else 64
    return (torch.rand(1, 3, side, side),)
