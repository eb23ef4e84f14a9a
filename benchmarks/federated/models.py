"""The models of the federated benches, by name; peers build theirs from this same file."""

from __future__ import annotations

import itertools

import torch
from torch import nn


def mlp(*widths: int) -> nn.Module:
    """Dense layers of these widths, the input's first."""
    layers: list[nn.Module] = [nn.Flatten()]
    for place, (before, after) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Linear(before, after)] + ([nn.ReLU()] if place < len(widths) - 2 else [])
    return nn.Sequential(*layers)


class LeNet(nn.Module):
    """Two convolutions and two dense layers for 28 x 28: 35 k parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.three, self.out = nn.Linear(256, 120), nn.Linear(120, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [batch, 10] of pixels [batch, 784]."""
        x = torch.max_pool2d(torch.relu(self.one(x.view(-1, 1, 28, 28))), 2)
        x = torch.max_pool2d(torch.relu(self.two(x)), 2)
        out: torch.Tensor = self.out(torch.relu(self.three(x.flatten(1))))
        return out


class FedAvgCnn(nn.Module):
    """The CNN of McMahan et al. 2017, arXiv:1602.05629: 1,663,370 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.three, self.out = nn.Linear(3136, 512), nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [batch, 10] of pixels [batch, 784]."""
        x = torch.max_pool2d(torch.relu(self.one(x.view(-1, 1, 28, 28))), 2)
        x = torch.max_pool2d(torch.relu(self.two(x)), 2)
        out: torch.Tensor = self.out(torch.relu(self.three(x.flatten(1))))
        return out


class NiidCnn(nn.Module):
    """The CNN of Li et al. 2022, arXiv:2102.02079, for CIFAR-10: 62,006 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.three, self.four, self.out = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [batch, 10] of pixels [batch, 3072]."""
        x = torch.max_pool2d(torch.relu(self.one(x.view(-1, 3, 32, 32))), 2)
        x = torch.max_pool2d(torch.relu(self.two(x)), 2)
        x = torch.relu(self.four(torch.relu(self.three(x.flatten(1)))))
        out: torch.Tensor = self.out(x)
        return out


def build(name: str) -> nn.Module:
    """A fresh model: "lenet", "cnn", "niid", or widths with dashes, such as "784-200-200-10"."""
    made = {"lenet": LeNet, "cnn": FedAvgCnn, "niid": NiidCnn}.get(name)
    return made() if made else mlp(*(int(width) for width in name.split("-")))
