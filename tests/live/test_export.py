"""An exported release: one graph that answers as the stage does, and a signature that others can check."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from onnx import TensorProto, helper

from ganglion.core.blob import arrays_to_bytes
from ganglion.core.errors import ConfigError, Corrupt, NotFound
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.plan import Plan
from ganglion.core.ports import Put
from ganglion.core.release import Release, Signed, StageGraph
from ganglion.engine.onnx.runner import OnnxRunner
from ganglion.engine.onnx.stored import weight_digest
from ganglion.engine.onnx.whole import whole_graph
from ganglion.flow.install.messages import Activate
from ganglion.live.agent_file import STATE
from ganglion.live.disk import LiveDisk
from ganglion.live.export import export
from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.vault import LocalVault
from ganglion.node.bodies import make_codec

CODEC = make_codec()
WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)
X = np.array([[1.0, 2.0, 3.0]], np.float32)


def graph_of(name: str) -> bytes:
    """y = x @ w, whose weight lies outside."""
    weight = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=WEIGHT.shape)
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights")
    x, y = (helper.make_tensor_value_info(at, TensorProto.FLOAT, ["n", size]) for at, size in (("x", 3), ("y", 2)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", name], ["y"])], "stage", [x], [y], [weight])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    raw: bytes = made.SerializeToString()
    return raw


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cloud's folder with one release."""
    home = tmp_path_factory.mktemp("export") / "cloud"
    create_authority(home)
    vault = LocalVault(home)
    disk = LiveDisk(home / STATE, vault, lambda call: call())
    name = weight_digest(WEIGHT)
    stored = disk.put([arrays_to_bytes({name: WEIGHT})], PUBLIC_UPDATE)
    other = disk.put([b"the same for all"], PUBLIC_UPDATE)
    made = Release(
        name="model", counter=3, parent=0, trigger="first", weights=other, replay=other, stored=stored,
        graphs=(StageGraph(0, 1, disk.put([graph_of(name)], PUBLIC_UPDATE), 1),),
        plans=(Plan("best", (), stored.digest),), input_shape=(3,), scale=1.0, classes=2, exits=1,
        confidence=((0.9, 0.1),), features=(), distance=(0.0, 1.0), golden_x=other, golden_y=other, tolerance=0.1,
        evaluation=(("accuracy", 0.9),),
    )  # fmt: skip
    body = CODEC.encode(made)
    manifest = disk.put([CODEC.encode(Signed(body, vault.sign(body)))], PUBLIC_UPDATE)
    disk.commit([Put("releases", "3", CODEC.encode(Activate(3, manifest)))], lambda: None)
    disk.close()
    return home


def test_the_graph_stands_alone_and_answers_as_the_stage(cloud: Path, tmp_path: Path) -> None:
    export(cloud, "3", tmp_path / "out", CODEC)
    alone = ort.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    stage = OnnxRunner().load(graph_of(weight_digest(WEIGHT)), arrays_to_bytes({weight_digest(WEIGHT): WEIGHT}))
    np.testing.assert_array_equal(alone.run(None, {"x": X})[0], stage(X)[0])
    about = json.loads((tmp_path / "out" / "release.json").read_text())
    assert about["release"] == 3 and about["evaluation"] == {"accuracy": 0.9} and about["lineage"]["approvers"]


def test_the_signature_is_the_cloud_s_over_every_file(cloud: Path, tmp_path: Path) -> None:
    """As the specifications say, without the code that made it."""
    export(cloud, "3", tmp_path / "out", CODEC)
    bundle = json.loads((tmp_path / "out" / "model.sig").read_text())
    shown = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    leaf, issuer = (x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])) for one in shown)
    roots = x509.load_pem_x509_certificates((tmp_path / "out.roots.pem").read_bytes())
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(roots[0])
    envelope = bundle["dsseEnvelope"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    message = b" ".join((b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload))
    signature, key = base64.b64decode(envelope["signatures"][0]["sig"]), leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, message, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, message + b" ", ec.ECDSA(SHA256()))
    resources = json.loads(payload)["predicate"]["resources"]
    files = sorted(path.name for path in (tmp_path / "out").iterdir() if path.name != "model.sig")
    assert [one["name"] for one in resources] == files
    for one in resources:
        assert one["digest"] == hashlib.sha256((tmp_path / "out" / one["name"]).read_bytes()).hexdigest()


def test_what_cannot_be_exported_is_named(cloud: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no release 9"):
        export(cloud, "9", tmp_path / "out", CODEC)
    with pytest.raises(ConfigError, match="replaces nothing"):
        export(cloud, "3", tmp_path, CODEC)
    with pytest.raises(Corrupt, match="not among the release's"):
        whole_graph(graph_of("another"), arrays_to_bytes({"w": WEIGHT}))
