"""Every cut is the whole: exported stages chained equal the uncut graph, and the graph equals the module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from ganglion.core.blob import arrays_of_bytes
from ganglion.core.compute import Adam, CrossEntropy, Export, Exported, Fit, Predict, Predicted
from ganglion.core.errors import ConfigError
from ganglion.core.probability import softmax
from ganglion.core.tensors import Tensors
from ganglion.demo.fleet import MEMORY_BYTES
from ganglion.demo.project.data import Split
from ganglion.engine.onnx import OnnxRunner
from ganglion.engine.torch import TorchEngine

TEMPERATURES = {"cnn": (0.8, 1.3, 1.7), "lstm": (1.2,), "normed": (1.1, 0.9), "mlp": (1.5,)}
Made = Callable[[str, bool], Exported]


def cuts(exits: int) -> Iterator[tuple[int, ...]]:
    """Every way to divide the segments among consecutive nodes."""
    inner = range(1, exits)
    for count in range(exits):
        for chosen in combinations(inner, count):
            yield (0, *chosen, exits)


def chained(exported: Exported, cut: tuple[int, ...], x: NDArray[Any]) -> list[NDArray[Any]]:
    """Probabilities of all exits, each node handing its boundary to the next."""
    graphs = {(first, last): graph for first, last, graph in exported.graphs}
    found: list[NDArray[Any]] = []
    for first, last in pairwise(cut):
        outs = OnnxRunner().load(graphs[first, last], exported.weights)(x)
        found += outs[: last - first]
        x = outs[-1]
    return found


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("name", ["cnn", "normed", "mlp", pytest.param("lstm", marks=pytest.mark.slow)])
def test_every_cut_is_the_whole(name: str, int8: bool, exported: Made, digits: Split) -> None:
    made = exported(name, int8)
    exits = len(TEMPERATURES[name])
    assert [(first, last) for first, last, _ in made.graphs] == [
        (first, last) for first in range(exits) for last in range(first + 1, exits + 1)
    ]
    whole = chained(made, (0, exits), digits.test.x)
    for cut in cuts(exits):
        for one, other in zip(chained(made, cut, digits.test.x), whole, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-6 * float(np.abs(other).max()), rtol=0)


@pytest.mark.parametrize("name", ["cnn", "normed", "mlp", pytest.param("lstm", marks=pytest.mark.slow)])
def test_the_graph_is_the_module(
    name: str,
    exported: Made,
    digits: Split,
    engines: dict[str, TorchEngine],
    weights: dict[str, Tensors],
    shelf: Any,
) -> None:
    asked: Predicted = engines[name].answer(Predict(weights[name], (shelf.put(digits.test),)))
    whole = chained(exported(name, False), (0, len(TEMPERATURES[name])), digits.test.x)
    for logits, temperature, p in zip(asked.logits, TEMPERATURES[name], whole, strict=True):
        np.testing.assert_allclose(p, softmax(logits, temperature), atol=3e-6)
    shipped: Predicted = engines[name].answer(Predict(exported(name, False), (shelf.put(digits.test),)))
    for logits, p in zip(shipped.logits, whole, strict=True):
        np.testing.assert_allclose(softmax(logits), p, atol=1e-6)


def test_one_sample_is_answered_as_in_a_batch(exported: Made, digits: Split) -> None:
    for int8 in (False, True):
        made = exported("cnn", int8)
        together = chained(made, (0, 1, 3), digits.test.x[:5])
        alone = [chained(made, (0, 1, 3), digits.test.x[i : i + 1]) for i in range(5)]
        for place, one in enumerate(together):
            np.testing.assert_allclose(np.concatenate([row[place] for row in alone]), one, atol=2e-6)


def test_new_weights_need_no_new_graph(
    exported: Made, engines: dict[str, TorchEngine], weights: dict[str, Tensors], digits: Split, shelf: Any
) -> None:
    data = (shelf.put(digits.calibration),)
    old = exported("cnn", False)
    half = weights["cnn"] * 0.5
    new: Exported = engines["cnn"].answer(Export(half, (1.0, 1.0, 1.0), False, data))
    assert new.graphs == old.graphs
    assert new.weights != old.weights
    again: Exported = engines["cnn"].answer(Export(half, (1.0, 1.0, 1.0), False, data))
    assert again == new
    asked: Predicted = engines["cnn"].answer(Predict(half, (shelf.put(digits.test),)))
    for logits, p in zip(asked.logits, chained(new, (0, 3), digits.test.x), strict=True):
        np.testing.assert_allclose(p, softmax(logits), atol=3e-6)


def test_a_fresh_engine_gives_the_same_bytes(
    exported: Made, weights: dict[str, Tensors], builds: Any, digits: Split, shelf: Any
) -> None:
    fresh = TorchEngine(builds["mlp"], shelf.read)
    for int8 in (True, False):
        asked = Export(weights["mlp"], TEMPERATURES["mlp"], int8, (shelf.put(digits.calibration),))
        assert fresh.answer(asked) == exported("mlp", int8)


@pytest.mark.parametrize("int8", [False, True])
def test_graphs_hold_no_weights_and_tell_nothing_of_the_machine(int8: bool, exported: Made) -> None:
    made = exported("cnn", int8)
    stored = arrays_of_bytes(made.weights)
    read = set()
    for _, _, graph in made.graphs:
        proto = onnx.load_from_string(graph)
        for tensor in proto.graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                assert tuple(tensor.dims) == stored[tensor.name].shape
                read.add(tensor.name)
            else:
                assert len(tensor.raw_data) <= 64
        assert not any(word in graph for word in (b".py", b"File ", b"-packages"))
        assert not proto.metadata_props and not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    assert read == set(stored), "a weight is stored that no graph reads"
    assert len(made.graphs) == len(made.memory_bytes)


def test_int8_agrees_with_float32_and_is_a_third_of_it(
    exported: Made, engines: dict[str, TorchEngine], weights: dict[str, Tensors], digits: Split, shelf: Any
) -> None:
    engine, data = engines["cnn"], (shelf.put(digits.calibration),)
    fit = Fit(weights["cnn"], (shelf.put(digits.train),), Adam(5e-3, 12, 32), ("q",), CrossEntropy((1.0, 1.0, 1.0)))
    trained = engine.answer(fit).weights
    full, small = (engine.answer(Export(trained, (1.0, 1.0, 1.0), int8, data)) for int8 in (False, True))
    assert len(small.weights) < len(full.weights) / 3
    x = digits.test.x
    for one, other in zip(chained(full, (0, 3), x), chained(small, (0, 3), x), strict=True):
        assert (one.argmax(-1) == other.argmax(-1)).mean() >= 0.99
    fits = {(first, last): size for (first, last, _), size in zip(small.graphs, small.memory_bytes, strict=True)}
    device_bytes, edge_bytes = MEMORY_BYTES["digits"]
    assert fits[0, 1] <= device_bytes < fits[0, 2] <= edge_bytes < fits[0, 3]
    assert all(one < other for one, other in zip(small.memory_bytes, full.memory_bytes, strict=True))


def test_what_cannot_be_exported_is_named(
    engines: dict[str, TorchEngine], weights: dict[str, Tensors], digits: Split, shelf: Any
) -> None:
    data = (shelf.put(digits.calibration),)
    for temperatures in ((1.0,), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)):
        with pytest.raises(ConfigError, match="one positive number per exit"):
            engines["cnn"].answer(Export(weights["cnn"], temperatures, False, data))
    with pytest.raises(ConfigError, match="calibration examples"):
        none = (shelf.put(digits.calibration.take(slice(0, 0))),)
        engines["cnn"].answer(Export(weights["cnn"], (1.0, 1.0, 1.0), True, none))
