"""An AlexNet's layers spread over device, edge and cloud, with an exit at each and few bits between them.

Source: Teerapittayanon et al. 2017, arXiv:1709.01921, in which what travels is binary; Bengio et al. 2013,
arXiv:1308.3432 (the gradient through rounding).
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from ganglion.bench.exits_nets import source

SENT = (8, 16)  # channels of 8 x 8 numbers that travel from device and from edge
LEVELS = 3  # the greatest of those numbers, which are whole: two bits each


class Few(nn.Module):
    """Numbers on whole levels; while training the gradient passes as if they had not been rounded."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = x.clamp(0, LEVELS)
        if not self.training:
            return held.round()
        return held + (held.round() - held).detach()


def narrow(given: int, sent: int) -> nn.Sequential:
    """From channels to the few that travel, spread around the middle of the levels."""
    spread = nn.BatchNorm2d(sent)
    nn.init.constant_(spread.bias, LEVELS / 2)
    return nn.Sequential(nn.Conv2d(given, sent, 1, bias=False), spread, Few())


def widened(sent: int, made: int) -> nn.Sequential:
    """From the channels that travelled to as many as the next layer was made for."""
    return nn.Sequential(nn.Conv2d(sent, made, 3, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU())


class Read(nn.Module):
    """An exit's answer from a place's own features and from what travels on from there."""

    def __init__(self, own: nn.Module, sent: int) -> None:
        super().__init__()
        self.own = own
        self.sent = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * sent, 10))

    def forward(self, features: torch.Tensor, travels: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.own(features) + self.sent(travels)
        return out


class Tiers(nn.Module):
    """Three convolutions at the device, one at the edge, one and the dense layers in the cloud."""

    def __init__(self, whole: nn.Module, near: nn.Module) -> None:
        super().__init__()
        layers = {name: copy.deepcopy(part) for name, part in whole.named_children()}
        c, d = (len(layers[name].get_parameter("0.weight")) for name in ("third", "fourth"))
        self.move = layers["move"]
        self.device = nn.Sequential(layers["first"], layers["second"], layers["third"])
        self.edge = nn.Sequential(widened(SENT[0], c), layers["fourth"])
        self.cloud = nn.Sequential(widened(SENT[1], d), layers["fifth"], layers["dense"])
        self.to_edge, self.to_cloud = narrow(c, SENT[0]), narrow(d, SENT[1])
        self.near = Read(copy.deepcopy(near), SENT[0])
        self.middle = Read(nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * d, 10)), SENT[1])

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen = self.device(self.move(image * 2 - 1))
        up = self.to_edge(seen)
        known = self.edge(up)
        farther = self.to_cloud(known)
        return self.near(seen, up), self.middle(known, farther), self.cloud(farther)


def tiers(whole: nn.Module) -> nn.Module:
    """Grown from an AlexNet with exits that has learnt; the device's exit begins as the one after the third layer."""
    heads = whole.get_submodule("heads")
    return Tiers(whole.get_submodule("trunk"), heads.get_submodule("1"))


def build(width: float = 1.0) -> nn.Module:
    """Untrained; `width` multiplies the channels."""
    return tiers(source("exits_alexnet").build(width))


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One photograph."""
    return (torch.rand(1, 3, 32, 32),)
