"""Small convolutions as plain matrix products: oneDNN works in blocks of channels, which few channels leave empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .arena import Arena

BLOCK = 16  # channels of oneDNN's blocks on the widest processors
FEW = 16  # examples of a batch, above which blocks pay all the same


@contextmanager
def plain_where_small(arena: Arena, batch: int) -> Iterator[None]:
    """Within it a module whose convolutions are all small does without oneDNN, a quarter sooner.

    Whether it does is decided by the module and the batch that is asked for alone, so that the numbers are too.
    """
    outputs = [tensor.shape[0] for _, tensor in arena.named if tensor.dim() > 2]
    if not outputs or max(outputs) > BLOCK or batch > FEW or not torch._C._get_mkldnn_enabled():
        yield
        return
    torch._C._set_mkldnn_enabled(False)  # torch.backends.mkldnn.flags sets TF32 as well, and warns of that each time
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(True)
