"""A stage runs without torch or onnx, and bytes that are no stage are refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.blob import arrays_of_bytes, arrays_to_bytes
from ganglion.core.compute import Exported
from ganglion.core.errors import Corrupt, ProtocolError
from ganglion.engine.onnx import OnnxRunner
from ganglion.engine.onnx.stored import stored_names

Made = Callable[[str, bool], Exported]


def test_a_runner_needs_neither_torch_nor_onnx(package: Path, exported: Made, tmp_path: Path) -> None:
    made = exported("mlp", True)
    (tmp_path / "graph").write_bytes(made.graphs[0][2])
    (tmp_path / "stored").write_bytes(made.weights)
    code = (
        "import sys, numpy as np\n"
        "for name in ('torch', 'onnx', 'onnxscript'): sys.modules[name] = None\n"
        "from ganglion.engine.onnx import OnnxRunner\n"
        "run = OnnxRunner().load(open('graph', 'rb').read(), open('stored', 'rb').read())\n"
        "assert abs(float(run(np.ones((1, 1, 8, 8)))[0].sum()) - 1) < 1e-5\n"
    )
    env = os.environ | {"PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_names_are_what_the_onnx_package_reads(exported: Made) -> None:
    for int8 in (False, True):
        for _, _, graph in exported("cnn", int8).graphs:
            proto = onnx.load_from_string(graph)
            wanted = [t.name for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
            assert wanted and stored_names(graph) == wanted


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(Corrupt):
        assert isinstance(stored_names(raw), list)


def test_damage_is_refused(exported: Made) -> None:
    made = exported("mlp", False)
    graph = made.graphs[0][2]
    for length in range(0, len(graph), 97):
        with pytest.raises(Corrupt):
            OnnxRunner().load(graph[:length], made.weights)
    with pytest.raises(Corrupt, match="safetensors"):
        OnnxRunner().load(graph, made.weights[:-5])
    arrays = arrays_of_bytes(made.weights)
    name = next(iter(arrays))
    with pytest.raises(Corrupt, match=f"wants the weights .*{name}"):
        OnnxRunner().load(graph, arrays_to_bytes({n: a for n, a in arrays.items() if n != name}))
    with pytest.raises(Corrupt, match="cannot be loaded"):
        OnnxRunner().load(graph, arrays_to_bytes(arrays | {name: np.zeros((3, 3, 3), np.float32)}))


def test_a_graph_cannot_make_a_node_read_its_files(
    exported: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = exported("mlp", False)
    proto = onnx.load_from_string(made.graphs[0][2])
    (tmp_path / "secret").write_bytes(bytes(1 << 16))
    tensor = next(t for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL)
    tensor.name, tensor.external_data[0].value = "other", "secret"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Corrupt, match="other"):
        OnnxRunner().load(proto.SerializeToString(), made.weights)


def test_an_input_of_another_shape_is_refused(exported: Made) -> None:
    run = OnnxRunner().load(exported("mlp", False).graphs[0][2], exported("mlp", False).weights)
    with pytest.raises(ProtocolError, match=r"\(1, 1, 9, 9\)"):
        run(np.zeros((1, 1, 9, 9), np.float32))
