"""What a codec at a cut costs in accuracy and bytes, measured on a calibration set: accuracy[cut][codec]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError
from .deflate import Deflate
from .packed import Codec
from .unpack import unpack

Array = NDArray[Any]
Front = Callable[[Array], Sequence[Array]]  # samples [n, ...] -> the tensors that cross the cut
Back = Callable[[Sequence[Array]], Array]  # those tensors -> what is scored, such as logits [n, classes]
Score = Callable[[Array, Array], float]  # the model's outputs and the truth -> a share, higher is better


@dataclass(frozen=True)
class Effect:
    """One codec at one cut."""

    cut: str
    codec: str
    accuracy: float
    loss: float  # of accuracy, against the tensors as they are
    sent_bytes: float  # mean per sample, heads included


def right(outputs: Array, y: Array) -> float:
    """Share of samples whose likeliest class is theirs."""
    return float((outputs.argmax(-1) == y).mean())


def measure(
    cuts: Mapping[str, tuple[Front, Back]], codecs: Sequence[Codec], x: Array, y: Array, score: Score = right
) -> tuple[Effect, ...]:
    """Every codec at every cut; samples are packed one by one, as they would be sent, and scored together.

    Raises ConfigError without samples. Accuracy is measured once per lossy codec, for compression changes nothing.
    """
    if not len(x) or len(x) != len(y):
        raise ConfigError(f"{len(x)} samples with {len(y)} labels cannot be scored; give as many of each, at least one")
    found = []
    for cut, (front, back) in cuts.items():
        tensors = list(front(x))
        exact, known = score(back(tensors), y), dict[Codec, float]()
        for codec in codecs:
            lossy = codec.codec if isinstance(codec, Deflate) else codec
            sent = [_packed(tensor, codec, len(x)) for tensor in tensors]
            if lossy not in known:
                again = [_unpacked(blobs, tensor) for blobs, tensor in zip(sent, tensors, strict=True)]
                known[lossy] = score(back(again), y)
            size = sum(np.mean([len(blob) for blob in blobs]) for blobs in sent)
            found.append(Effect(cut, codec.name, known[lossy], exact - known[lossy], float(size)))
    return tuple(found)


def _packed(tensor: Array, codec: Codec, samples: int) -> list[bytes]:
    """One blob per sample; a tensor that is the same for all samples is one blob."""
    if tensor.ndim and len(tensor) == samples:
        return [codec.encode(tensor[at : at + 1]) for at in range(samples)]
    return [codec.encode(tensor)]


def _unpacked(blobs: list[bytes], tensor: Array) -> Array:
    if len(blobs) == 1:
        return unpack(blobs[0], tensor.nbytes)
    return np.concatenate([unpack(blob, tensor.nbytes) for blob in blobs])
