"""Answers compute requests with PyTorch on one thread; the same request gives the same numbers.

It knows no clock and no disk: examples come through `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np
import torch

from ...core.blob import examples_of_bytes
from ...core.compute import Compute, Export, Exported, Fit, Fitted, Initial, Predict, Predicted
from ...core.errors import ConfigError
from ...core.ref import Ref
from ...core.rng import stream
from ...core.sample import Examples
from ...core.tensors import Tensors
from ..onnx.runner import OnnxRunner
from .arena import Arena
from .export import Exporter
from .fit import exits_of, fit
from .threads import one_thread
from .trace import Build

BATCH = 256  # of predictions
USER_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, AttributeError)  # what a project's module may raise


class TorchEngine:
    """An engine for one project: `build` makes its module, `read` gives the bytes behind a reference."""

    answers: frozenset[type[Compute[Any]]] = frozenset({Fit, Initial, Predict, Export})

    def __init__(self, build: Build, read: Callable[[Ref], bytes], seed: int = 0) -> None:
        self._build = build
        self._read = read
        self._seed = seed
        self._exporter = Exporter(build)

    def answer(self, asked: Compute[Any]) -> Any:
        """The result of one request. Raises ConfigError for one that it does not answer or that does not fit."""
        match asked:
            case Fit():
                return self._fit(asked)
            case Initial(key):
                with _seeded(self._seed, *key):
                    return Arena(self._build()).save()
            case Predict(Exported() as exported, data):
                return _predict_exported(exported, self._examples(data))
            case Predict(Tensors() as weights, data):
                return self._predict(weights, self._examples(data))
            case Export(weights, temperatures, int8, calibration):
                x = self._examples(calibration).x
                with _seeded(self._seed, "export"):
                    return self._exporter.export(weights, temperatures, x, int8)
        known = sorted(kind.__name__ for kind in self.answers)
        raise ConfigError(f"the torch engine cannot answer a {type(asked).__name__}; it answers {known}")

    def _fit(self, asked: Fit) -> Fitted:
        examples = self._examples(asked.data)
        with _seeded(self._seed, *asked.key, "fit"):
            return fit(Arena(self._build()), asked, examples, self._seed)

    def _predict(self, weights: Tensors, examples: Examples) -> Predicted:
        with _seeded(self._seed, "predict"), torch.inference_mode():
            arena = Arena(self._build())
            arena.load(weights)
            arena.module.eval()
            batches = [exits_of(arena.module(x)) for x in torch.split(torch.from_numpy(examples.x), BATCH)]
            return Predicted(tuple(torch.cat(one).numpy() for one in zip(*batches, strict=True)))

    def _examples(self, data: tuple[Ref, ...]) -> Examples:
        if not data:
            raise ConfigError("a request names no data; give it at least one file of examples")
        return reduce(Examples.join, (examples_of_bytes(self._read(ref)) for ref in data))


def _predict_exported(exported: Exported, examples: Examples) -> Predicted:
    exits = max(last for _, last, _ in exported.graphs)
    whole = next(graph for first, last, graph in exported.graphs if (first, last) == (0, exits))
    run = OnnxRunner().load(whole, exported.weights)
    batches = [run(examples.x[start : start + BATCH]) for start in range(0, len(examples), BATCH)]
    least = np.finfo(np.float32).tiny
    return Predicted(tuple(np.log(np.maximum(np.concatenate(one), least)) for one in zip(*batches, strict=True)))


@contextmanager
def _seeded(seed: int, *key: str | int) -> Iterator[None]:
    """One thread and torch's global random numbers decided by a key; both are put back as they were.

    What the project's own module raises becomes a ConfigError here.
    """
    try:
        with one_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream(seed, *key, "torch").integers(2**63)))
            yield
    except USER_ERRORS as error:
        raise ConfigError(f"the project's model failed: {type(error).__name__}: {error}") from error
