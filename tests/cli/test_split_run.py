"""From a file to an answer over two processes: profile, plan, serve a place, ask; and what is wrong is said."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ganglion.core.blob import examples_to_bytes
from ganglion.core.fleet import NodeId
from ganglion.core.label import Tier, Zone
from ganglion.core.sample import Examples
from ganglion.engine.capture import capture
from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.certificates import request
from ganglion.live.identity.node import accept, key_of

pytestmark = pytest.mark.live
FLEET = """
[[node]]
id = "cloud"
zone = "cloud"
address = "127.0.0.1:{port}"

[[node]]
id = "edge"
zone = "edge"
parent = "cloud"
link = "ethernet"
address = "127.0.0.1:1"

[[node]]
id = "camera"
zone = "device"
parent = "edge"
link = "ethernet"
"""


def ganglion(folder: Path, *words: str, code: int = 0) -> str:
    """Runs a command in a folder; its output, or where it must fail what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "ganglion", *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stderr[-2000:]
    return done.stderr if code else done.stdout


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is heavy for its input, a fleet whose addresses are here, and an identity for each node."""
    folder = tmp_path_factory.mktemp("project")
    port, rng = free_port(), np.random.default_rng(7)
    (folder / "fleet.toml").write_text(FLEET.format(port=port).replace('127.0.0.1:1"', f'127.0.0.1:{free_port()}"'))
    nodes, weights, given = [], [], "x"
    for layer in range(6):
        weights.append(numpy_helper.from_array(rng.normal(size=(512, 512)).astype(np.float32) / 23, f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [given, f"w{layer}"], [f"m{layer}"]))
        given = f"m{layer}"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 512]) for name in ("x", given)]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(folder / "net.onnx"))
    authority = create_authority(folder / "authority")
    for node, zone in (("camera", Zone.DEVICE), ("edge", Zone.EDGE), ("cloud", Zone.CLOUD)):
        own = folder / ".ganglion" / node
        accept(own, authority.issue(request(key_of(own), node), NodeId(node), zone))
    return folder


def test_a_planned_model_runs_over_two_processes(project: Path) -> None:
    ganglion(project, "profile", "net.onnx", "--node", "edge", "--out", "edge.json")
    assert json.loads((project / "edge.json").read_text())["source"] == "measured"
    slow = ["--class", "camera=raspberry-pi-4", "--class", "cloud=raspberry-pi-4"]
    words = [
        "plan",
        "net.onnx",
        "--profile",
        "edge.json",
        *slow,
        "--out",
        "plan.json",
        "--svg",
        "plan.svg",
        "--explain",
    ]
    said = ganglion(project, *words)
    assert "next best" in said
    assert (project / "plan.svg").read_text().startswith("<svg")
    plan = json.loads((project / "plan.json").read_text())
    assert plan["hosts"] == ["camera", "edge"]
    assert [way["sent_bytes"] for way in plan["ways"]] == sorted(way["sent_bytes"] for way in plan["ways"])
    assert plan["ways"][0]["name"] == "all here"
    place = subprocess.Popen(
        [sys.executable, "-m", "ganglion", "split", "serve", "--place", "1"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert place.stderr is not None
    try:
        assert "place 1 listens" in place.stderr.readline()
        np.save(project / "x.npy", np.random.default_rng(8).normal(size=(1, 512)))
        words = ["split", "ask", "net.onnx", "--input", "x.npy", "--requests", "20", "-o", "json"]
        rows = json.loads(ganglion(project, *words))
        assert len(rows) == 20
        assert not any(row["degraded"] for row in rows)
        assert len({row["likeliest"] for row in rows}) == 1
        assert {row["way"] for row in rows} <= {way["name"] for way in plan["ways"]} - {"all here"}
        fixed = json.loads(ganglion(project, *words, "--no-replan"))
        assert {row["way"] for row in fixed} == {"plan"}
        assert fixed[0]["likeliest"] == rows[0]["likeliest"]
        ganglion(project, "profile", "net.onnx", "--node", "camera", "--link", "edge", "--out", "link.json")
        line = json.loads((project / "link.json").read_text())["time"]
        assert line["bytes_s"] > 1e6  # loopback
        words = ["plan", "net.onnx", "--profile", "edge.json", *slow, "--link", "link.json", "--json"]
        told = json.loads(ganglion(project, *words))
        for link in told["parts"]["links"]:  # none where a busy machine made staying at home the best
            assert link["delay_s"] == pytest.approx(line["start_s"] / 2)
        assert {"only camera", "only edge, 32-bit raw", "only cloud, 32-bit raw"} <= told["baselines"].keys()
        front = [one["figures"] for one in told["pareto"]]
        assert front[0]["latency_s"] == min(one["latency_s"] for one in front)
        assert told["plan"]["figures"]["latency_s"] <= min(one["latency_s"] for one in told["baselines"].values())
        assert len(list((project / ".ganglion" / "edge" / "weights").iterdir())) == 6
    finally:
        place.send_signal(signal.SIGTERM)
        assert place.wait(20) == 0
        place.stderr.close()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["profile", "missing.onnx"], 3, "no file missing.onnx"),
        (["profile"], 2, "no model was named"),
        (["plan", "net.onnx", "--class", "camera=raspberry"], 3, "did you mean 'raspberry-pi-4'"),
        (["plan", "net.onnx", "--class", "nobody=server-core"], 3, "no node 'nobody'"),
        (["plan", "net.onnx", "--profile", "none.json"], 3, "no profile none.json"),
        (["split", "serve", "--place", "1", "--plan", "none.json"], 3, "no plan none.json"),
        (["split", "serve", "--place", "1", "--plan", "fleet.toml"], 2, "is no plan"),
        (["plan", "net.onnx", "--accuracy", "0.9"], 2, "no accuracy is known"),
        (["plan", "net.onnx", "--calibration", "none.json"], 3, "no file none.json"),
        (["plan", "net.onnx", "--link", "none.json"], 3, "no link none.json"),
        (["plan", "net.onnx", "--from", "nobody"], 3, "no node 'nobody'"),
        (["profile", "net.onnx", "--node", "camera", "--link", "cloud"], 2, "camera is below edge"),
        (["profile", "net.onnx", "--calibration", "none.safetensors"], 3, "no examples"),
    ],
)
def test_what_is_wrong_is_said(project: Path, words: list[str], code: int, said: str) -> None:
    assert said in ganglion(project, *words, code=code)


def test_a_profile_of_another_processor_is_refused(project: Path) -> None:
    ganglion(project, "profile", "net.onnx", "--node", "edge", "--out", "other.json")
    file = next((project / ".cache" / "ganglion" / "profiles").iterdir())
    kept = file.read_text()
    held = json.loads(kept)
    file.write_text(json.dumps(held | {"cpu": "another"}))
    assert "measure there" in ganglion(project, "profile", "net.onnx", code=2)
    file.write_text(kept)
    held = json.loads((project / "other.json").read_text())
    (project / "other.json").write_text(json.dumps(held | {"model": "0" * 64}))
    assert "is of model" in ganglion(project, "plan", "net.onnx", "--profile", "other.json", code=2)


def test_a_model_that_cannot_be_exported_is_refused_with_its_line(project: Path) -> None:
    (project / "branching.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x * 2 if x.sum() > 0 else x\n\n\n"
        "def build():\n    return Net()\n\n\ndef example():\n    return torch.ones(1, 4)\n"
    )
    said = ganglion(project, "plan", "branching.py:build", code=2)
    assert "branching.py" in said
    assert "do:" in said


def test_a_fleet_with_an_unknown_node_is_refused(project: Path) -> None:
    (project / "wrong.toml").write_text(
        (project / "fleet.toml").read_text().replace('parent = "edge"', 'parent = "egde"')
    )
    assert "did you mean 'edge'" in ganglion(project, "plan", "net.onnx", "--fleet", "wrong.toml", code=2)


def test_what_does_not_fit_into_memory_is_refused(project: Path) -> None:
    fleet = (project / "fleet.toml").read_text()
    small = fleet.replace("zone =", "memory_bytes = 1000\nzone =")
    (project / "small.toml").write_text(small)
    said = ganglion(project, "plan", "net.onnx", "--fleet", "small.toml", code=2)
    assert "no way fits into memory" in said
    assert "memory_bytes = 1000" in said
    ganglion(project, "plan", "net.onnx", "--class", "camera=raspberry-pi-4", "--out", "fitting.json")
    other = project / "other"
    other.mkdir()
    (other / "fleet.toml").write_text(small)
    said = ganglion(project, "split", "ask", "net.onnx", "--plan", "fitting.json", "--folder", "other", code=2)
    assert "plan again for this fleet" in said
    (project / "x.npy").write_text("1, 2, 3")
    words = ["split", "ask", "net.onnx", "--plan", "fitting.json"]
    assert "write it with numpy.save" in ganglion(project, *words, "--input", "x.npy", code=2)


def test_what_codecs_lose_is_measured_and_kept_to(project: Path) -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(60, 512)).astype(np.float32)
    y = np.asarray(capture(str(project / "net.onnx")).run({"x": x}).outputs["m5"]).argmax(1)
    (project / "held.safetensors").write_bytes(examples_to_bytes(Examples(x, y, Tier.PUBLIC)))
    ganglion(
        project, "profile", "net.onnx", "--calibration", "held.safetensors", "--codec", "u2", "--out", "table.json"
    )
    table = json.loads((project / "table.json").read_text())
    assert table["accuracy"] == 1.0
    assert max(one["loss"] for one in table["effects"]) > 0.02  # two bits per number are too few
    words = [
        "plan",
        "net.onnx",
        "--calibration",
        "table.json",
        "--codec",
        "u2",
        "--json",
        "--class",
        "camera=raspberry-pi-4",
    ]
    free, held = (json.loads(ganglion(project, *words, *more)) for more in ([], ["--accuracy", "1.0"]))
    assert held["plan"]["figures"]["accuracy"] == 1.0
    assert free["plan"]["figures"]["accuracy"] <= 1.0
    assert {one["figures"]["accuracy"] for one in held["pareto"]} == {1.0}
    best = json.loads(ganglion(project, *words, "--objective", "accuracy"))
    assert best["plan"]["figures"]["accuracy"] == 1.0
