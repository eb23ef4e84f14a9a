"""A dense network by its widths, for jobs that bring data and no model of their own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def stack(widths: Sequence[int]) -> nn.Module:
    """Dense layers with relu between them; the first width is an example's number of values, the last the classes."""
    layers: list[nn.Module] = [nn.Flatten()]
    for place, (before, after) in enumerate(pairwise(widths)):
        layers += [nn.Linear(before, after)] + ([nn.ReLU()] if place < len(widths) - 2 else [])
    return nn.Sequential(*layers)
