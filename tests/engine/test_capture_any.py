"""Any module or ONNX file becomes one kind of object; what spoils cuts is gone from it, and what cannot be is named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import ganglion
from ganglion import capture
from ganglion.bench.networks import NARROW, inputs, network
from ganglion.core.cut import Cut, random_cut
from ganglion.core.errors import ConfigError, GanglionError, NotFound
from ganglion.core.model import Model
from ganglion.core.rng import stream
from ganglion.engine.onnx.captured import Captured


@pytest.fixture(scope="module")
def lenet() -> Captured:
    return network("lenet").capture(NARROW, seed=1)


@pytest.fixture(scope="module")
def decoder() -> Captured:
    return network("decoder").capture(NARROW, seed=1)


def at(model: Model, last: str) -> Cut:
    """The first places up to and including a kernel here, the rest beyond."""
    names = [kernel.name for kernel in model.kernels]
    here = names.index(last) + 1
    return Cut((0,) * here + (1,) * (len(names) - here), model.weights)


def test_no_guard_asks_for_the_raw_input(lenet: Captured) -> None:
    graph = lenet.source
    assert not [node for node in graph.graph.graph.nodes if node.op == "call_module"]
    for made, parts in ((lenet.model, lenet), (graph.model, graph)):
        for kernel in made.kernels[:-1]:
            cut = at(made, kernel.name)
            assert cut.crossing(made, 0) == (kernel.name,)
            assert parts.cut(cut, 2)[0].sends == (kernel.name,)  # not even the size of the batch


def test_nothing_is_computed_in_place(lenet: Captured) -> None:
    """LeNet's ReLU is in place: behind a cut it would change what the other side was sent."""
    targets = [node.target for node in lenet.source.graph.graph.nodes if node.op == "call_function"]
    assert targets and not any(target._schema.is_mutable for target in targets if hasattr(target, "_schema"))


def test_masks_and_rotary_tables_are_computed_at_both_sides(decoder: Captured) -> None:
    """Between two blocks crosses the state, and the sequence's length as one integer: everything else is made of it."""
    for model in (decoder.model, decoder.source.model):
        adds = [
            kernel.name for kernel in model.kernels if kernel.op.lower() == "add" and kernel.out_shape[-1:] == (32,)
        ]
        block = adds[1]  # attention's shortcut, then the dense layer's
        crossing = at(model, block).crossing(model, 0)
        sizes = {kernel.name: kernel.out_bytes for kernel in model.kernels}
        assert block in crossing and "tokens" not in crossing
        assert all(sizes[name] == 8 for name in crossing if name != block) and len(crossing) <= 3
        free = {kernel.op.lower() for kernel in model.kernels if kernel.free}
        assert {"cos", "sin"} <= free and not free & {"matmul", "linear", "softmax", "embedding", "gather"}


def test_a_block_cut_of_a_fixed_sequence_is_one_tensor() -> None:
    found = network("decoder")
    module = found.build(NARROW)
    made = capture(module, found.example(NARROW), {"tokens": {0: "batch"}})
    adds = [one for one in made.model.kernels if one.op == "Add" and one.out_shape[-1:] == (32,)]
    cut = at(made.model, adds[1].name)
    assert cut.crossing(made.model, 0) == (adds[1].name,)
    batch = {"tokens": np.concatenate([inputs(made, 1)["tokens"]] * 2)}
    parted, wanted = made.open(made.cut(cut))(batch).outputs, made.run(batch).outputs
    for name, value in wanted.items():
        np.testing.assert_allclose(parted[name], value, rtol=1e-5)


def test_a_sequence_may_be_of_any_length(decoder: Captured) -> None:
    for length in (1, 5, 31):
        tokens = {"tokens": stream(1, length).integers(0, 50, (2, length))}
        whole = decoder.source.run(tokens)
        parts = decoder.cut(random_cut(decoder.model, 2, stream(2, length)), 2)
        found = decoder.open(parts)(tokens).outputs
        for near, exact in zip(found.values(), whole.values(), strict=True):
            np.testing.assert_allclose(near, exact.numpy(), rtol=1e-4, atol=1e-5)


class Masked(nn.Module):
    """Positions say only where; tokens are what is private, and a mask made of them must not send them."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4), nn.Linear(4, 2)

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.words(tokens)) * torch.cos(positions.float()).unsqueeze(-1)
        kept = (tokens != 0).float().unsqueeze(-1)
        out: torch.Tensor = self.out(x) * kept
        return out


def test_a_mask_made_of_the_sample_is_sent_itself() -> None:
    made = capture(Masked(), (torch.randint(0, 9, (2, 5)), torch.arange(10).view(2, 5)))
    for model in (made.model, made.source.model):
        free = {kernel.op.lower() for kernel in model.kernels if kernel.free}
        assert "cos" in free
        last = [kernel.name for kernel in model.kernels if kernel.op.lower() in ("matmul", "add", "linear")][-1]
        here = {kernel.name for kernel in model.kernels if "positions" not in kernel.inputs}
        cut = Cut(
            tuple(1 if kernel.name == last or last in kernel.inputs else 0 for kernel in model.kernels), model.weights
        )
        assert here and "tokens" not in cut.crossing(model, 0)


class Odd(nn.Module):
    """Results that no node makes: an input, a weight; and one result twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.arange(3.0))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x * self.scale
        return y, x, self.scale, y


def test_odd_results_are_results() -> None:
    x = torch.rand(2, 3)
    made = capture(Odd(), x)
    values = list(made.run({"x": x.numpy()}).outputs.values())
    for wanted in (x * torch.arange(3.0), x, torch.arange(3.0)):
        assert any(np.array_equal(value, wanted.numpy()) for value in values)
    found = list(made.source.open(made.source.cut(random_cut(made.source.model, 2, stream(0)), 2))({"x": x}).outputs)
    assert len(found) == 3


def test_the_digest_is_of_graph_and_weights() -> None:
    module = nn.Linear(3, 2)
    first, again = capture(module, X), capture(module, X)
    assert first.model == again.model
    with torch.no_grad():
        module.bias.add_(1)
    other, otherwise = capture(module, X), capture(nn.Sequential(module, nn.Tanh()), X)
    assert len({one.model.weights for one in (first, other, otherwise)}) == 3
    assert other.model.kernels == first.model.kernels
    assert set(other.weights) == set(otherwise.weights) != set(first.weights)


def test_kernels_tell_what_they_cost(lenet: Captured) -> None:
    model = lenet.model
    assert (model.inputs, model.input_bytes, model.input_shape) == (("image",), (4 * 784,), (1, 28, 28))
    first = model.kernels[0]
    assert (first.op, first.flops, first.out_bytes) == ("Conv", 2 * 28 * 28 * 2 * 25, 4 * 28 * 28 * 2)
    assert sum(kernel.param_bytes for kernel in model.kernels) == sum(one.nbytes for one in lenet.weights.values())
    traced = {kernel.op: kernel.flops for kernel in lenet.source.model.kernels}
    assert traced["conv2d"] > 0 and sum(traced.values()) > 0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two dense layers, a transposed weight and a branch; weights are named, shapes open in the batch."""
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    draw = stream(4, "file")
    arrays = {"w": draw.normal(size=(6, 4)), "v": draw.normal(size=(3, 6)), "b": draw.normal(size=6)}
    nodes = [
        helper.make_node("MatMul", ["x", "w_turned"], ["m"], name="m"),
        helper.make_node("Add", ["m", "b"], ["a"], name="a"),
        helper.make_node("Split", ["a"], ["left", "right"], axis=1, num_outputs=2),
        helper.make_node("Concat", ["right", "left"], ["c"], axis=1),
        helper.make_node("Gemm", ["c", "v"], ["y"], transB=1),
    ]
    nodes.insert(0, helper.make_node("Transpose", ["w"], ["w_turned"], perm=[1, 0]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, ["n", 4])],
        [value("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), str(path))
    return path


def test_a_file_is_captured_as_a_module_is(file: Path) -> None:
    made = capture(file)
    assert [kernel.op for kernel in made.model.kernels] == ["MatMul", "Add", "Split", "Concat", "Gemm"]
    assert made.model.kernels[0].param_bytes == 4 * 24  # the transposed weight belongs to who reads it
    assert set(made.names) == {"w", "v", "b"}
    import onnxruntime

    x = {"x": stream(5).normal(size=(3, 4)).astype(np.float32)}
    wanted = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(None, x)[0]
    for turn in range(8):
        ran = made.open(made.cut(random_cut(made.model, 3, stream(6, turn)), 3))(x)
        np.testing.assert_allclose(ran.outputs["y"], wanted, rtol=1e-5, atol=1e-6)
    assert capture(file.read_bytes(), x["x"]).model.weights == made.model.weights


def test_weights_in_another_file_are_found(file: Path, tmp_path: Path) -> None:
    proto = onnx.load(str(file))
    onnx.save(proto, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.bin", size_threshold=0)
    assert capture(tmp_path / "m.onnx").model.weights == capture(file).model.weights
    with pytest.raises(ConfigError, match="path of the file"):
        capture((tmp_path / "m.onnx").read_bytes())
    (tmp_path / "m.bin").unlink()
    with pytest.raises(GanglionError, match=r"m\.onnx"):
        capture(tmp_path / "m.onnx")


def test_damaged_files_are_refused(file: Path) -> None:
    raw = file.read_bytes()
    draw = random.Random(3)
    refused = 0
    for _ in range(60):
        damaged = bytearray(raw[: draw.randrange(len(raw))]) if draw.random() < 0.5 else bytearray(raw)
        for _ in range(draw.randrange(4)):
            if damaged:
                damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        try:
            capture(bytes(damaged))
        except GanglionError as error:
            refused += 1
            assert "bytes" in str(error)
    assert refused > 20


class Branching(nn.Module):
    """A way that depends on values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x
        return -x


class Counting(nn.Module):
    """Keeps something between two samples."""

    seen: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.add_(1)
        return x * self.seen


class Fixed(nn.Module):
    """Holds on to the batch of its example."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(2, -1) * torch.ones(2, 3)


def closure(x: torch.Tensor) -> torch.Tensor:
    return x


X = torch.rand(2, 3)


@pytest.mark.parametrize(
    ("model", "example", "dynamic", "message"),
    [
        (Branching(), X, None, r"test_capture_any\.py:\d+ in forward, `if x\.sum\(\) > 0:`.*torch\.where"),
        (Counting(), X, None, "writes into seen.*keeps nothing"),
        (Fixed(), X, None, "cannot be captured for x"),
        (nn.Linear(4, 2), X, None, "cannot be captured for input"),
        (nn.Linear(3, 2), (X, X), None, "does not fit forward"),
        (nn.Linear(3, 2), [1, 2], None, "does not fit forward"),
        (nn.Linear(3, 2), "x", None, "is a str; every argument of forward must be one tensor"),
        (nn.Linear(3, 2), X, {"y": {0: "batch"}}, "names the input 'y'"),
        (nn.Linear(3, 2), X, {"input": {2: "batch"}}, "axis 2 of input"),
        (nn.Linear(3, 2), X, {"input": {0: "n", 1: "n"}}, "'n' is 2 long"),
        (nn.Linear(3, 2), None, None, "needs an example"),
        (closure, X, None, "given a function"),
        (b"", None, None, "0 bytes"),
        (b"no model", None, None, "8 bytes is no ONNX model"),
    ],
)
def test_what_cannot_be_captured_is_named(model: Any, example: Any, dynamic: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        capture(model, example, dynamic)


def test_files_that_are_not_there_or_do_not_fit(file: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        capture(tmp_path / "none.onnx")
    with pytest.raises(ConfigError, match=r"name each once"):
        capture(file, {"y": np.zeros((1, 4))})
    with pytest.raises(ConfigError, match="2 example inputs for a model of 1"):
        capture(file, (np.zeros((1, 4)), np.zeros(1)))
    with pytest.raises(ConfigError, match="cannot run on an example"):
        capture(file, np.zeros((1, 5)))
    with pytest.raises(ConfigError, match="leave out `dynamic`"):
        capture(file, None, {"x": {0: "n"}})
    assert ganglion.capture is capture


def test_a_module_is_left_in_the_mode_it_was_in() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    module[1].eval()
    made = capture(module, X)
    assert module.training and module[0].training and not module[1].training
    assert [kernel.op for kernel in made.model.kernels] == ["Gemm"]  # dropout does nothing while a model answers
