"""Pictures moved, turned and scaled a little while training, so that few of them teach more; nothing when answering."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import affine_grid, grid_sample

SHIFT_PIXELS = 0.75  # greatest, along each axis
TURN_RAD = 0.2
GROWTH = 0.12  # share of the size, either way


class Jitter(nn.Module):
    """A random affine change for each picture [batch, channels, height, width]; from outside comes border."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The changed pictures in training mode, the same pictures otherwise."""
        if not self.training:
            return x
        turn, growth, right, down = (torch.rand(4, len(x)) * 2 - 1).unbind()
        scale = 1 + growth * GROWTH
        cosine, sine = torch.cos(turn * TURN_RAD) * scale, torch.sin(turn * TURN_RAD) * scale
        step = 2 * SHIFT_PIXELS  # grid_sample counts a picture's side as 2
        rows = (cosine, -sine, right * (step / x.shape[-1]), sine, cosine, down * (step / x.shape[-2]))
        grid = affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
        return grid_sample(x, grid, padding_mode="border", align_corners=False)
