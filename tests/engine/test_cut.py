"""Whatever the cut, a model answers as a whole: on ONNX Runtime within rounding, in torch to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ganglion import capture
from ganglion.bench.networks import NARROW, inputs, network
from ganglion.core.blob import arrays_to_bytes
from ganglion.core.codec import Codec
from ganglion.core.cut import Cut, random_cut
from ganglion.core.errors import ConfigError, ProtocolError
from ganglion.core.rng import stream
from ganglion.engine.onnx.captured import Captured
from ganglion.engine.onnx.part import OpenPart, Part
from ganglion.engine.onnx.session import open_session
from ganglion.engine.onnx.stored import stored_names

NAMES = ("two_tower", "lstm", "resnet18")  # the bench has all of them
MADE: dict[str, Captured] = {}


def narrow(name: str) -> Captured:
    """Traced once for all tests."""
    if name not in MADE:
        MADE[name] = network(name).capture(NARROW, seed=3, fixed=True)
    return MADE[name]


def apart(found: dict[str, Any], whole: dict[str, Any]) -> float:
    pairs = [(np.asarray(found[name]), np.asarray(value)) for name, value in whole.items()]
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_answers_as_the_whole(name: str) -> None:
    made = narrow(name)
    batch = inputs(made, 1)
    whole = made.run(batch).outputs
    for places in (2, 3):
        for turn in range(3):
            cut = random_cut(made.model, places, stream(5, name, places, turn))
            ran = made.open(made.cut(cut, places))(batch)
            assert apart(ran.outputs, whole) <= 2e-6
            for number, link in enumerate(ran.crossed):
                assert made.kernels_of(link) == set(cut.crossing(made.model, number))


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_in_torch_has_the_wholes_bits(name: str) -> None:
    made = narrow(name)
    graph, batch = made.source, inputs(made, 1)
    whole = graph.run(batch)
    assert apart(made.run(batch).outputs, dict(zip(made.graph.outputs, whole.values(), strict=True))) <= 1e-5
    for places in (2, 3):
        cut = random_cut(graph.model, places, stream(6, name, places))
        ran = graph.open(graph.cut(cut, places))(batch)
        assert all(torch.equal(ran.outputs[key], value) for key, value in whole.items())
        for number, link in enumerate(ran.crossed):
            assert set(link) == set(cut.crossing(graph.model, number))


def test_the_whole_is_what_the_module_says() -> None:
    torch.manual_seed(0)
    found = network("two_tower")
    module = found.build(NARROW).eval()
    made = capture(module, found.example(NARROW))
    batch = {name: np.concatenate([array] * 3) for name, array in inputs(made, 2).items()}  # a batch of three
    with torch.no_grad():
        wanted = module(*(torch.from_numpy(array) for array in batch.values()))
    for value, exact, near in zip(
        wanted, made.source.run(batch).values(), made.run(batch).outputs.values(), strict=True
    ):
        assert torch.equal(value, exact)
        np.testing.assert_allclose(near, value.numpy(), rtol=1e-5, atol=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_random_cuts_go_away_from_the_input(seed: int, places: int) -> None:
    made = narrow("two_tower")
    cut = random_cut(made.model, places, np.random.default_rng(seed))
    cut.check(made.model)
    parts = made.cut(cut, places)
    assert len(parts) == places
    seen = {stored for part in parts for stored in part.weights}
    assert seen == set(made.weights)


def test_a_tensor_skips_over_a_place_that_does_not_read_it() -> None:
    made = narrow("two_tower")
    model, batch = made.model, inputs(made, 4)
    heard = {"sound"}
    for kernel in model.kernels:
        if set(kernel.inputs) & heard:
            heard.add(kernel.name)
    tower = heard - {"image"}
    late = next(turn for turn, kernel in enumerate(model.kernels) if kernel.op == "Concat")
    places = tuple(2 if turn >= late else 0 if kernel.name in tower else 1 for turn, kernel in enumerate(model.kernels))
    cut = Cut(places, model.weights)
    parts = made.cut(cut, 3)
    ran = made.open(parts)(batch)
    passed = set(parts[0].sends) & set(parts[1].sends)
    assert passed and not passed & set(parts[1].inputs)  # made at place 0, read at place 2
    assert set(parts[0].sends) == passed | {"image"}  # the image itself, for its tower is beyond
    assert apart(ran.outputs, made.run(batch).outputs) <= 2e-6


def test_an_empty_place_passes_everything_on() -> None:
    made = narrow("two_tower")
    batch = inputs(made, 4)
    cut = Cut((2,) * len(made.model.kernels), made.model.weights)
    parts = made.cut(cut, 4)
    assert [len(part.graph) > 0 for part in parts] == [False, False, True, False]
    assert parts[0].sends == parts[1].sends == ("image", "sound") and parts[2].sends == ()
    assert made.open(parts)(batch).outputs.keys() == made.run(batch).outputs.keys()


def test_weights_are_held_once_whatever_is_cut() -> None:
    made = narrow("resnet18")
    held: set[str] = set()
    for turn in range(6):
        parts = made.cut(random_cut(made.model, 3, stream(8, turn)), 3)
        wanted = [set(part.weights) for part in parts]
        assert set.union(*wanted) == set(made.weights)  # none is lost, none is new
        held |= set.union(*wanted)
        size = sum(len(part.graph) for part in parts)
        assert size < 0.2 * sum(array.nbytes for array in made.weights.values())  # a graph holds no weights
    assert held == set(made.weights)
    assert all(name in made.names.values() for name in held)


def test_a_place_needs_neither_torch_nor_onnx(tmp_path: Path, package: Path) -> None:
    made = narrow("two_tower")
    parts = made.cut(random_cut(made.model, 2, stream(9, "alone")), 2)
    batch = inputs(made, 4)
    (tmp_path / "parts").write_bytes(b"".join(len(raw := Codec([Part]).encode(p)).to_bytes(4) + raw for p in parts))
    (tmp_path / "weights").write_bytes(arrays_to_bytes(made.weights))
    (tmp_path / "batch").write_bytes(arrays_to_bytes(batch))
    code = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'onnxscript'): sys.modules[name] = None\n"
        "from ganglion.core.blob import arrays_of_bytes, arrays_to_bytes\n"
        "from ganglion.core.codec import Codec\n"
        "from ganglion.engine.onnx.part import OpenPart, Part\n"
        "from ganglion.engine.stages import Stages\n"
        "raw, parts = open('parts', 'rb').read(), []\n"
        "while raw:\n"
        "    size = 4 + int.from_bytes(raw[:4]); parts.append(Codec([Part]).decode(raw[4:size])); raw = raw[size:]\n"
        "held = arrays_of_bytes(open('weights', 'rb').read())\n"
        "opened = [OpenPart(part, {name: held[name] for name in part.weights}) for part in parts]\n"
        f"run = Stages(opened, {made.graph.outputs!r})\n"
        "open('out', 'wb').write(arrays_to_bytes(run(arrays_of_bytes(open('batch', 'rb').read())).outputs))\n"
    )
    env = os.environ | {"PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_bytes() == arrays_to_bytes(made.open(parts)(batch).outputs)


def test_a_wrong_cut_or_tensor_is_refused() -> None:
    made = narrow("two_tower")
    count = len(made.model.kernels)
    with pytest.raises(ConfigError, match="plan again"):
        made.cut(Cut((0,) * count, "another"))
    with pytest.raises(ConfigError, match="away from the input"):
        made.cut(Cut((1,) + (0,) * (count - 1), made.model.weights))
    with pytest.raises(ProtocolError, match="has no sound"):
        made.run({"image": made.example["image"]})
    with pytest.raises(ProtocolError, match="cannot take image float64"):
        made.run({name: array.astype(np.float64) for name, array in made.example.items()})
    part = made.cut(made.whole())[0]
    assert set(stored_names(part.graph)) == set(part.weights)
    with pytest.raises(Exception, match="wants the weights"):
        OpenPart(part, {})


def test_a_pad_of_zeros_before_a_max_pool_stays_one() -> None:
    """ONNX Runtime 1.31 folds the pad into the pool, which then ignores it: negative values at an edge came out."""
    pads = helper.make_tensor("pads", TensorProto.INT64, [8], [0, 0, 0, 0, 0, 0, 1, 1])
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2, 2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 2, 2])
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node("MaxPool", ["padded"], ["y"], kernel_shape=[2, 2], strides=[1, 1]),
    ]
    graph = helper.make_graph(nodes, "g", [shape], [result], [pads])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    x = -np.ones((1, 1, 2, 2), np.float32)
    found = open_session(proto.SerializeToString(), {}).session.run(None, {"x": x})[0]
    np.testing.assert_array_equal(found[0, 0], [[-1, 0], [0, 0]])
    made = capture(onnx.load_from_string(proto.SerializeToString()).SerializeToString(), x)
    np.testing.assert_array_equal(made.run({"x": x}).outputs["y"], found)


def test_scaled_queries_and_keys_are_multiplied_as_they_are_scaled() -> None:
    """ONNX Runtime would scale their product instead, and a cut between the two would then answer otherwise."""
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [0.3535])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 16]) for name in ("q", "k", "y")]
    nodes = [
        helper.make_node("Mul", ["q", "scale"], ["scaled_q"]),
        helper.make_node("Mul", ["k", "scale"], ["scaled_k"]),
        helper.make_node("MatMul", ["scaled_q", "scaled_k"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", values[:2], values[2:], [scale])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    batch = {name: stream(3, name).normal(size=(1, 16, 16)).astype(np.float32) for name in ("q", "k")}
    made = capture(proto.SerializeToString(), batch)
    for at in ((0, 0, 1), (0, 1, 1), (1, 1, 1)):
        ran = made.open(made.cut(Cut(at, made.model.weights), 2))(batch)
        np.testing.assert_array_equal(ran.outputs["y"], made.run(batch).outputs["y"])
