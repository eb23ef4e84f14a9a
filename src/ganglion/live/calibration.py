"""What each codec at each cut of a captured model costs in accuracy and bytes, on samples whose labels are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.cut import Cut
from ..core.errors import ConfigError
from ..core.sample import Examples
from ..engine.onnx.part import OpenPart, Part
from ..pack import Codec, Effect, measure, right
from ..plan.cut import Graph, Segments
from .pictures import jpeg
from .split.shares import Source

FORMAT = 1
Array = NDArray[Any]
Front = Callable[[Array], list[Array]]  # samples -> the tensors that cross
Back = Callable[[Sequence[Array]], Array]  # those -> what is scored
Progress = Callable[[int, int], None]  # cuts done, of so many


@dataclass(frozen=True)
class Calibration:
    """The table of one model, and how it was made."""

    model: str  # digest of the weights
    samples: int
    accuracy: float  # with nothing packed
    effects: tuple[Effect, ...]

    def at(self, cut: str, codec: str) -> Effect | None:
        """One cell, if it was measured."""
        return next((one for one in self.effects if (one.cut, one.codec) == (cut, codec)), None)

    def check(self, model: str) -> None:
        """Raises ConfigError for another model than was measured."""
        if self.model != model:
            raise ConfigError(
                f"the calibration is of model {self.model[:12]}, not {model[:12]}: accuracies do not carry over; "
                "measure them with `ganglion profile MODEL --calibration EXAMPLES`"
            )

    def text(self) -> str:
        """As JSON that people can read."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    @staticmethod
    def read(text: str, what: str) -> Calibration:
        """What `text` wrote; `what` names it in errors. Raises ConfigError for anything else."""
        try:
            held = json.loads(text)
            if held.pop("format") != FORMAT:
                raise ConfigError(f"{what} has another format than {FORMAT}; measure again with --calibration")
            made = Calibration(**held | {"effects": tuple(Effect(**one) for one in held["effects"])})
            shares = [made.accuracy, *(one.accuracy for one in made.effects)]
            if not all(isinstance(one, (int, float)) and 0.0 <= one <= 1.0 for one in shares):
                raise ValueError("an accuracy that is no share")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{what} is no calibration: {error!r}; measure again with --calibration") from error
        return made


def calibrate(
    source: Source, codecs: Sequence[Codec], examples: Examples, progress: Progress, limit: int = 500
) -> Calibration:
    """Scores the likeliest class of the model's last result, on at most so many samples. Raises ConfigError."""
    x, y = _given(source, examples, limit), examples.y[:limit]
    segments = Segments.of_graph(Graph.of(source.model))
    found: list[Effect] = []
    for at, name in enumerate(segments.boundaries):
        front, back = _halves(source, segments.cut((at,)) if at else None)
        found += measure({name: (front, back)}, codecs, x, y)
        progress(at + 1, len(segments.boundaries))
    exact = found[0].accuracy + found[0].loss
    back = _halves(source, None)[1]
    pictures = jpeg(segments.boundaries[0], x, exact, lambda again: right(back([again]), y))
    more = () if pictures is None else (pictures,)
    return Calibration(source.model.weights, len(x), exact, (*found, *more))


def _given(source: Source, examples: Examples, limit: int) -> Array:
    if len(source.model.inputs) != 1:
        names = ", ".join(source.model.inputs)
        raise ConfigError(f"the model takes {names}: examples hold one array x; calibrate a model with one input")
    wanted = source.example[source.model.inputs[0]]
    x = examples.x[:limit]
    if x[:1].size != wanted[:1].size:
        shapes = f"{list(x.shape[1:])} where the model takes {list(wanted.shape[1:])}"
        raise ConfigError(f"the examples are of shape {shapes}; give examples of this model's input")
    return x.reshape(len(x), *wanted.shape[1:]).astype(wanted.dtype)


def _halves(source: Source, cut: Cut | None) -> tuple[Front, Back]:
    """What is run before a cut and after it, sample by sample; without one, everything is after it."""
    (name,) = source.model.inputs
    result = source.graph.outputs[-1]
    if cut is None:
        whole = _opened(source, source.cut(Cut((0,) * len(source.model.kernels), source.model.weights))[0])
        return lambda x: [x], lambda tensors: _each({name: tensors[0]}, lambda one: whole(one)[result])
    near, far = source.cut(cut, 2)
    first, second = _opened(source, near), _opened(source, far)

    def front(x: Array) -> list[Array]:
        made = [first({name: x[at : at + 1]}) | {name: x[at : at + 1]} for at in range(len(x))]
        return [np.concatenate([one[sent] for one in made]) for sent in near.sends]

    def back(tensors: Sequence[Array]) -> Array:
        return _each(dict(zip(near.sends, tensors, strict=True)), lambda one: second(one)[result])

    return front, back


def _each(given: Mapping[str, Array], run: Callable[[dict[str, Array]], Array]) -> Array:
    count = len(next(iter(given.values())))
    return np.concatenate([run({name: one[at : at + 1] for name, one in given.items()}) for at in range(count)])


def _opened(source: Source, part: Part) -> OpenPart:
    return OpenPart(part, source.weights)
