"""A network over device, edge and cloud: what is answered where, and each byte that travels, by the real codec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.probability import Floats
from ..core.rng import stream
from ..pack import Affine, unpack
from .exits_run import Cut

Array = NDArray[np.float32]
BITS = 2
NOISE = 0.06  # standard deviation, of pixels in [0, 1]
VIEWS = ((0, 0), (3, -3), (-3, 3))  # how far each camera looks beside the middle, in pixels


@dataclass(frozen=True, eq=False)
class Travelled:
    """What came of many samples."""

    at: NDArray[np.intp]  # [n], which place answered
    says: NDArray[np.intp]  # [n], the class
    bytes_up: tuple[float, ...]  # per link, mean over all samples

    def right(self, y: NDArray[np.int64]) -> float:
        """Share of right answers."""
        return float((self.says == y).mean())

    def shares(self, places: int) -> tuple[float, ...]:
        """Answered at each place."""
        return tuple((np.bincount(self.at, minlength=places) / len(self.at)).tolist())


def packed(boundary: Array) -> list[bytes]:
    """A blob per sample: its numbers as one row, for a range per channel would cost half as much again."""
    codec = Affine(BITS)
    return [codec.encode(one.reshape(1, -1)) for one in boundary]


def travel(made: Cut, x: Array, thresholds: Sequence[float], last: int | None = None) -> Travelled:
    """Answers samples [n, ...] from place to place; `last` is the farthest place that is there, None = all are.

    What is not answered at the last place for its sureness is answered there all the same.
    """
    final = len(made.stages) - 1 if last is None else last
    at, says = np.zeros(len(x), np.intp), np.zeros(len(x), np.intp)
    left, given, sent = np.arange(len(x)), x, []
    for place in range(final + 1):
        said, boundary = _stage(made, place, given)
        stays = said.max(-1) >= (thresholds[place] if place < final else -np.inf)
        at[left[stays]], says[left[stays]] = place, said[stays].argmax(-1)
        left = left[~stays]
        if place == final:
            break
        blobs = packed(boundary[~stays])
        sent.append(sum(len(blob) for blob in blobs) / len(x))
        given = np.stack([unpack(blob).reshape(boundary.shape[1:]) for blob in blobs]) if blobs else boundary[:0]
        if not len(given):
            break
    return Travelled(at, says, tuple(sent))


def everywhere(made: Cut, x: Array) -> list[Array]:
    """Probabilities of every place if each answered all samples, with what travels packed and unpacked."""
    found, given = [], x
    for place in range(len(made.stages)):
        said, boundary = _stage(made, place, given)
        found.append(said)
        if len(boundary):
            given = np.stack([unpack(blob).reshape(boundary.shape[1:]) for blob in packed(boundary)])
    return found


def views(x: Array, seed: int) -> list[Array]:
    """What several cameras see of the same scene: moved, and each with noise of its own."""
    found = []
    for camera, (down, right) in enumerate(VIEWS):
        padded = np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3)))
        side = x.shape[-1]
        moved = padded[:, :, 3 + down : 3 + down + side, 3 + right : 3 + right + side]
        noise = stream(seed, "cameras", camera).normal(0.0, NOISE, x.shape)
        found.append(np.clip(moved + noise, 0.0, 1.0).astype(np.float32))
    return found


def fused(said: Sequence[Floats]) -> NDArray[np.intp]:
    """The class for which the cameras' log probabilities add up to most: [n] from [n, classes] each."""
    logs = [np.log(np.maximum(one, np.finfo(np.float32).tiny)) for one in said]
    return np.asarray(np.sum(logs, axis=0).argmax(-1))


def _stage(made: Cut, place: int, x: Array, batch: int = 250) -> tuple[Array, Array]:
    """Probabilities, and the boundary or nothing."""
    outs = [made.stages[place](x[start : start + batch]) for start in range(0, len(x), batch)]
    said = np.concatenate([out[0] for out in outs])
    return said, np.concatenate([out[1] for out in outs]) if len(outs[0]) > 1 else said[:0]
