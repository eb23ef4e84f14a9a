"""What only whoever watches can know: how well releases answer on images that no node was ever shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator

from ..core.blob import examples_to_bytes, tensors_of_bytes
from ..core.codec import Codec
from ..core.compute import Fit, Initial, Predict
from ..core.label import PUBLIC_RAW
from ..core.ports import Engine
from ..core.ref import Ref, digest_of
from ..core.release import Release, Signed
from ..core.sample import Examples, to_input
from ..core.tensors import Tensors
from ..flow.job.messages import Released
from ..node.tools import Recipe, Runner
from .project.data import SCALE


class Memory:
    """Blobs for an engine that belongs to no node."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, examples: Examples) -> Ref:
        """Keeps examples."""
        raw = examples_to_bytes(examples)
        digest = digest_of(raw)
        self._blobs[digest] = raw
        return Ref(digest, len(raw), PUBLIC_RAW)

    def read(self, ref: Ref) -> bytes:
        """What was kept."""
        return self._blobs[ref.digest]


def as_sensed(examples: Examples, sense: Callable[[Any, Generator], Any], chance: Generator) -> Examples:
    """Examples as the fleet's sensors would have shown them."""
    return replace(examples, x=to_input(sense(examples.x, chance), SCALE))


@dataclass(frozen=True)
class Watcher:
    """Reads releases from the cloud's disk and judges them."""

    blob: Callable[[Ref], bytes]
    codec: Codec
    runner: Runner

    def release(self, told: Released) -> Release:
        """The manifest behind a fact."""
        signed: Signed = self.codec.decode(self.blob(told.manifest))
        release: Release = self.codec.decode(signed.manifest)
        return release

    def accuracy(self, release: Release, tests: Examples) -> float:
        """Share that the whole model has right, as it was shipped."""
        return float((self._exits(release, tests)[-1].argmax(-1) == tests.y).mean())

    def weights(self, release: Release) -> Tensors:
        """What it was made from."""
        return tensors_of_bytes(self.blob(release.weights))

    def activations(self, release: Release, x: Any) -> list[bytes]:
        """The tensor at the first boundary for raw samples [n, ...], as each would cross a cut."""
        if release.exits < 2:
            return [b""] * len(x)
        graph = next(g for g in release.graphs if (g.first, g.last) == (0, 1))
        run = self.runner.load(self.blob(graph.graph), self.blob(release.stored))
        return [np.ascontiguousarray(one).tobytes() for one in run(to_input(x, release.scale))[-1]]

    def _exits(self, release: Release, tests: Examples) -> list[Any]:
        whole = next(g for g in release.graphs if (g.first, g.last) == (0, release.exits))
        return self.runner.load(self.blob(whole.graph), self.blob(release.stored))(tests.x)[: release.exits]


def central(engine: Callable[[Memory], Engine], recipe: Recipe, data: list[Examples], tests: Examples) -> float:
    """Accuracy of a model trained in one place on everything: what no fleet with private data could do."""
    memory = Memory()
    refs = tuple(memory.put(examples) for examples in data)
    machine = engine(memory)
    start = machine.answer(Initial(("initial",)))
    fitted = machine.answer(Fit(start, refs, recipe.how, ("central",), recipe.loss))
    logits = machine.answer(Predict(fitted.weights, (memory.put(tests),))).logits[-1]
    return float((logits.argmax(-1) == tests.y).mean())
