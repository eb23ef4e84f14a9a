"""Answers compute requests with PyTorch on one thread; the same request gives the same numbers.

It knows no clock and no disk: examples come through `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.blob import examples_of_bytes
from ...core.compute import Compute, CrossEntropy, Export, Exported, Fit, Initial, Predict, Predicted, Score, Scored
from ...core.errors import ConfigError, GanglionError
from ...core.ref import Ref
from ...core.sample import Examples
from ...core.tensors import Tensors
from .arena import Arena
from .fit import exits_of, total_loss
from .learner import Learner, seeded
from .trace import Build

if TYPE_CHECKING:
    from .export import Exporter

BATCH = 256  # of predictions


class TorchEngine:
    """An engine for one project: `build` makes its module, `read` gives what is behind a reference.

    That is a file's bytes, or examples that are in memory already. `fuse` off trains every model one by one.
    """

    answers: frozenset[type[Compute[Any]]] = frozenset({Fit, Initial, Predict, Score, Export})

    def __init__(self, build: Build, read: Callable[[Ref], bytes | Examples], seed: int = 0, fuse: bool = True) -> None:
        self._build = build
        self._read = read
        self._seed = seed
        self._exporter: Exporter | None = None
        self._answering: Arena | None = None  # made once: while it answers, a model's weights are all it has
        self._learner = Learner(build, seed, fuse)

    def answer(self, asked: Compute[Any]) -> Any:
        """The result of one request. Raises ConfigError for one that it does not answer or that does not fit."""
        match asked:
            case Fit():
                made = self._learner.fit_all([asked], [self._examples(asked.data)])[0]
                if isinstance(made, GanglionError):
                    raise made
                return made
            case Initial(key):
                with seeded(self._seed, *key):
                    return Arena(self._build()).save()
            case Predict(Exported() as exported, data):
                return _predict_exported(exported, self._examples(data))
            case Predict(Tensors() as weights, data):
                return self._predict(weights, self._examples(data))
            case Score(weights, data):
                return self._score(weights, self._examples(data))
            case Export(weights, temperatures, int8, calibration):
                x = self._examples(calibration).x
                with seeded(self._seed, "export"):
                    return self._exported(weights, temperatures, x, int8)
        known = sorted(kind.__name__ for kind in self.answers)
        raise ConfigError(f"the torch engine cannot answer a {type(asked).__name__}; it answers {known}")

    def answer_all(self, asked: Sequence[Compute[Any]]) -> list[Any]:
        """The results of requests that wait together; what went wrong with one is a GanglionError in its place."""
        found: dict[int, Any] = {}
        fits = {at: one for at, one in enumerate(asked) if isinstance(one, Fit)}
        data = [self._or_error(self._examples, one.data) for one in fits.values()]
        found |= dict(zip(fits, self._learner.fit_all(list(fits.values()), data), strict=True))
        found |= {at: self._or_error(self.answer, one) for at, one in enumerate(asked) if at not in fits}
        return [found[at] for at in range(len(asked))]

    @staticmethod
    def _or_error(made: Callable[[Any], Any], given: Any) -> Any:
        try:
            return made(given)
        except GanglionError as error:
            return error

    def _exported(self, weights: Tensors, temperatures: tuple[float, ...], x: NDArray[np.float32], int8: bool) -> Any:
        if self._exporter is None:
            from .export import Exporter  # loads onnx, which training has no use for

            self._exporter = Exporter(self._build)
        return self._exporter.export(weights, temperatures, x, int8)

    def _predict(self, weights: Tensors, examples: Examples) -> Predicted:
        with seeded(self._seed, "predict"), torch.inference_mode():
            if self._answering is None:
                self._answering = Arena(self._build())
                self._answering.module.eval()
            self._answering.load(weights)
            batches = [exits_of(self._answering.module(x)) for x in torch.split(torch.from_numpy(examples.x), BATCH)]
            return Predicted(tuple(torch.cat(one).numpy() for one in zip(*batches, strict=True)))

    def _score(self, weights: Tensors, examples: Examples) -> Scored:
        """Of the last exit."""
        logits = torch.from_numpy(self._predict(weights, examples).logits[-1])
        y = torch.from_numpy(examples.y)
        with seeded(self._seed, "score"), torch.inference_mode():
            loss = float(total_loss(CrossEntropy(), logits, y))
        return Scored(loss, int((logits.argmax(-1) == y).sum()), len(examples))

    def _examples(self, data: tuple[Ref, ...]) -> Examples:
        if not data:
            raise ConfigError("a request names no data; give it at least one file of examples")
        given = (self._read(ref) for ref in data)
        return reduce(Examples.join, (one if isinstance(one, Examples) else examples_of_bytes(one) for one in given))


def _predict_exported(exported: Exported, examples: Examples) -> Predicted:
    from ..onnx.runner import OnnxRunner

    exits = max(last for _, last, _ in exported.graphs)
    whole = next(graph for first, last, graph in exported.graphs if (first, last) == (0, exits))
    run = OnnxRunner().load(whole, exported.weights)
    batches = [run(examples.x[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
    least = np.finfo(np.float32).tiny
    return Predicted(tuple(np.log(np.maximum(np.concatenate(one), least)) for one in zip(*batches, strict=True)))
