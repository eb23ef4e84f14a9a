"""Numbers as 8, 4 or 2 bits each between the least and the greatest of their channel.

Source: Jacob et al. 2018, arXiv:1712.05877, equation 1, with the zero point kept as the channel's least value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, ProtocolError
from .packed import AFFINE, Head, describe
from .raw import Raw

WIDTHS = (8, 4, 2)
CHANNEL_NUMBERS = 32  # fewer of them per channel would not pay for a range of their own
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """Each channel (axis 1 of three or more; a row of two axes is one range) on 2 ** bits even steps.

    No number is off by more than half a step, up to float32 rounding. What has no such range, integers and tensors
    with infinities, is written raw.
    """

    bits: int = 8  # 8, 4 or 2

    def __post_init__(self) -> None:
        if self.bits not in WIDTHS:
            raise ConfigError(f"bits = {self.bits}: numbers are packed in {WIDTHS} bits; choose one, or codec raw")

    @property
    def name(self) -> str:
        """As plans write it."""
        return f"u{self.bits}"

    def encode(self, array: NDArray[Any]) -> bytes:
        """Head, least value and step per channel as float32, then the numbers."""
        head = describe(array, AFFINE, self.bits)
        if array.dtype.kind != "f" or array.size == 0:
            return Raw().encode(array)
        blocks = np.asarray(array, np.float32).reshape(_blocks(head.shape))
        low, high = blocks.min((0, 2)), blocks.max((0, 2))
        step = ((high.astype(np.float64) - low) / ((1 << self.bits) - 1)).astype(np.float32)
        if not np.isfinite(step).all():
            return Raw().encode(array)
        step[step == 0.0] = 1.0  # one value alone, or none apart that float32 could tell
        scaled = (blocks - low[:, None]) / step[:, None]
        levels = np.clip(np.rint(scaled, out=scaled), 0.0, (1 << self.bits) - 1, out=scaled).astype(np.uint8)
        return b"".join((head.write(), low.tobytes(), step.tobytes(), _squeeze(levels.reshape(-1), self.bits)))


def read_affine(head: Head, body: memoryview) -> NDArray[Any]:
    """The tensor behind a head. Raises ProtocolError for another size or a step that is no number."""
    if head.bits not in WIDTHS or head.dtype.kind != "f" or not head.count:
        raise ProtocolError(f"a tensor {head.shape} of {head.dtype} in {head.bits} bits per number is malformed")
    blocks = _blocks(head.shape)
    ranges, numbers = 8 * blocks[1], -(-head.count * head.bits // 8)
    if len(body) != ranges + numbers:
        raise ProtocolError(f"a tensor {head.shape} in {head.bits} bits has {len(body)} bytes, not {ranges + numbers}")
    low, step = np.frombuffer(body[:ranges], "<f4").reshape(2, -1, 1)
    if not np.isfinite(low).all() or not np.isfinite(step).all():
        raise ProtocolError("a packed tensor has a range that is no number")
    levels = _spread(np.frombuffer(body[ranges:], np.uint8), head.bits, head.count)
    whole = levels.reshape(blocks).astype(np.float32)
    whole *= step
    whole += low
    return whole.reshape(head.shape).astype(head.dtype, copy=False)


def _blocks(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape as [before, channels, behind]; one channel where channels would be small."""
    count = int(np.prod(shape))
    if len(shape) < 3 or count < CHANNEL_NUMBERS * shape[1]:
        return 1, 1, count
    return shape[0], shape[1], int(np.prod(shape[2:]))


def _squeeze(levels: NDArray[np.uint8], bits: int) -> bytes:
    """Several numbers to a byte, the first in its lowest bits."""
    each = 8 // bits
    if each == 1:
        return levels.tobytes()
    rows = np.pad(levels, (0, -len(levels) % each)).reshape(-1, each)
    made = rows[:, 0].copy()
    for place in range(1, each):
        made |= rows[:, place] << (bits * place)
    return made.tobytes()


def _spread(squeezed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint8]:
    each, mask = 8 // bits, (1 << bits) - 1
    if each == 1:
        return squeezed
    rows = np.empty((len(squeezed), each), np.uint8)
    for place in range(each):
        rows[:, place] = (squeezed >> (bits * place)) & mask
    return rows.reshape(-1)[:count]
