"""Every decoder of this package that reads bytes from elsewhere, with good inputs and words that mean something to it.

A target knows which modules decide what it does; its fuzzing so far counts as long as those stay as they are.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..core.blob import arrays_of_bytes, arrays_to_bytes, examples_of_bytes, tensors_of_bytes, tensors_to_bytes
from ..core.codec import Codec
from ..core.errors import Corrupt, ProtocolError, Refused
from ..core.label import PUBLIC_RAW
from ..core.ports import Parcel
from ..core.process import Lane
from ..core.ref import Ref
from ..core.rng import stream
from ..core.tensors import Tensors
from ..core.update import Statistic
from ..engine.onnx.stored import stored_names
from ..learn.compress import COMPRESSIONS, decode, named
from ..live.identity import certificates
from ..live.identity.files import METADATA_ROOT
from ..live.identity.messages import (
    Enrol,
    Enrolled,
    Renew,
    Token,
    answer_of_bytes,
    answer_to_bytes,
    enrol_of_bytes,
    renew_of_bytes,
    request_to_bytes,
    token_of,
)
from ..live.identity.names import subject_of_uri
from ..live.wire.frame import Draft, encode, finish
from ..live.wire.incoming import Incoming
from ..node.bodies import all_bodies, make_codec
from ..pack import Affine, Deflate, Raw, unpack
from .fuzz import Target

UPDATE_FILES = ("compress", "bits", "buckets", "even", "low_rank", "plain", "qsgd", "top_k", "whole")


def targets(cloud: Path) -> list[Target]:
    """Every decoder that reads what came from elsewhere. `cloud`: a folder with an authority."""
    made = [_frames(), _codec(), _graphs(), *_blobs(), _packed(), _updates(), _tokens(), *_requests()]
    made.append(_certificates(cloud))
    return [*made, _metadata(cloud)] if (cloud / METADATA_ROOT).exists() and find_spec("tuf") else made


def _frames() -> Target:
    codec = Codec([Statistic])
    arrays = ((Ref("~n/x", 24, PUBLIC_RAW), np.arange(6, dtype=np.float32).reshape(2, 3)),)
    bodies = [Parcel("test", "", Statistic(0, 20, (("x", 0.5),)), Lane.TENSOR, 1.0, "i", 1, "n", arrays), None]
    seeds = []
    for parcel in (one for one in bodies if one is not None):
        head, parts, _ = encode(parcel, 1, codec)
        seeds.append(b"".join((head, *parts)))
    seeds.append(encode(Parcel("test", "", None, Lane.CONTROL), 2, codec)[0])

    def decode(raw: bytes) -> None:
        whole = Incoming(1 << 20, 1 << 22, lambda: 0.0, codec).take(raw, True)
        if whole is not None and isinstance(whole[1], Draft):
            finish(whole[1], whole[2], 0.0)

    modules = ("ganglion.live.wire.frame", "ganglion.live.wire.incoming", "ganglion.core.codec")
    return Target("frames of the wire", decode, (ProtocolError,), seeds, modules, (b"GNGL", b"<f4", b"<u8"))


def _codec() -> Target:
    codec = make_codec()
    seeds = [codec.encode(None), codec.encode(Statistic(1, 30, (("a", 1.0),))) if Statistic in all_bodies() else b""]
    names = [one.encode() for one in codec.names]
    seeds += [b"\x93\x01" + bytes([0xA0 + len(name)]) + name + b"\x90" for name in names if len(name) < 32]
    return Target("bodies of the codec", codec.decode, (ProtocolError,), seeds, ("ganglion.core.codec",), names)


def _graphs() -> Target:
    tensor = b"\x08\x04\x10\x01\x42\x01w\x70\x01"  # dims, data_type, name "w", data_location EXTERNAL
    graph = b"\x0a\x00\x12\x01g\x2a" + bytes([len(tensor)]) + tensor
    seed = b"\x08\x0a\x3a" + bytes([len(graph)]) + graph
    if stored_names(seed) != ["w"]:
        raise Corrupt("the graph that is mutated is none itself; correct its bytes")
    words = (b"\x3a", b"\x2a", b"\x42", b"\x70\x01", b"\xff" * 10)
    return Target("stored names of a graph", stored_names, (Corrupt,), [seed], ("ganglion.engine.onnx.stored",), words)


def _blobs() -> list[Target]:
    arrays = {"x": np.zeros((2, 3), np.float32), "y": np.array([1, -1]), "tier": np.array([0])}
    words = (b'"F32"', b'"BF16"', b'"I64"', b'"BOOL"', b'"F8_E4M3"', b"data_offsets", b"shape", b"9223372036854775807")
    module, weights = ("ganglion.core.blob",), Tensors.of({"a": np.ones((2, 2)), "b": np.zeros(3)})
    return [
        Target("safetensors: arrays", arrays_of_bytes, (Corrupt,), [arrays_to_bytes(arrays)], module, words),
        Target("safetensors: weights", tensors_of_bytes, (Corrupt,), [tensors_to_bytes(weights)], module, words),
        Target("safetensors: examples", examples_of_bytes, (Corrupt,), [arrays_to_bytes(arrays)], module, words),
    ]


def _packed() -> Target:
    array = np.linspace(-1.0, 1.0, 2 * 3 * 16, dtype=np.float32).reshape(2, 3, 16)
    seeds = [codec.encode(array) for codec in (Raw(), Affine(8), Affine(4), Affine(2), Deflate(Affine(8)))]
    modules = tuple(f"ganglion.pack.{name}" for name in ("unpack", "packed", "raw", "affine", "deflate"))
    most_bytes = 1 << 16
    return Target("packed tensors", lambda raw: unpack(raw, most_bytes), (ProtocolError,), seeds, modules, (b"GPK1",))


def _updates() -> Target:
    like = Tensors.of({"w": np.linspace(-1.0, 1.0, 48).reshape(8, 6), "b": np.linspace(0.5, 1.0, 8)})
    seeds = [named(name).encode(like, 0, stream(0, name), {})[0] for name in COMPRESSIONS]
    modules = tuple(f"ganglion.learn.compress.{name}" for name in UPDATE_FILES)
    return Target("compressed updates", lambda raw: decode(raw, like), (ProtocolError,), seeds, modules, (b"GUP1",))


def _tokens() -> Target:
    seeds = [str(Token("0" * 16, bytes(32), bytes(range(32)))).encode(), b"spiffe://ganglion/home/edge/edge-1"]
    seeds.append(b"spiffe://ganglion/home/owner/alice")

    def decode(raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        subject_of_uri(text) if text.startswith("spiffe") else token_of(text)

    modules = ("ganglion.live.identity.messages", "ganglion.live.identity.names")
    return Target("tokens and identities", decode, (Refused,), seeds, modules, (b"gn1.", b".", b"/", b"operator"))


def _requests() -> list[Target]:
    csr = certificates.request(certificates.new_key(), "edge-1")
    module = ("ganglion.live.identity.messages",)
    enrol, renew = Enrol("0" * 16, bytes(32), "edge-1", csr), Renew(csr, csr)
    words = (b'"id"', b'"csr"', b'"\\ud800"', b"null", b"[[[[", b'"certificate"')
    answer = answer_to_bytes(Enrolled(csr, csr, bytes(32), b"", 1))

    def read_answer(raw: bytes) -> Enrolled:
        return answer_of_bytes(raw, Enrolled)

    return [
        Target("answers to them", read_answer, (ProtocolError,), [answer], module, words),
        Target("requests to enrol", enrol_of_bytes, (Refused,), [request_to_bytes(enrol)], module, words),
        Target("requests to renew", renew_of_bytes, (Refused,), [request_to_bytes(renew)], module, words),
    ]


def _certificates(cloud: Path) -> Target:
    own = (cloud / "node.pem").read_bytes()
    csr = certificates.request(certificates.new_key(), "edge-1")

    def decode(raw: bytes) -> None:
        if b"REQUEST" in raw:
            certificates.requested_key(raw)
        else:
            certificates.uri_in(certificates.certificate_of_bytes(raw))

    words = (b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"MII", b"====")
    return Target(
        "certificates and requests",
        decode,
        (Corrupt, Refused),
        [own[: own.index(b"-----END") + 26], csr],
        ("ganglion.live.identity.certificates",),
        words,
    )


def _metadata(cloud: Path) -> Target:
    from ..live.identity.metadata import body_of

    seeds = [path.read_bytes() for path in sorted((cloud / "metadata").glob("*.json")) if path.name != "days.json"]
    words = (b'"_type"', b'"root"', b'"version"', b'"expires"', b'"keyids"', b'"threshold"', b"null", b"1e999", b"{}")
    modules = ("ganglion.live.identity.metadata", "tuf.api._payload", "tuf.api.serialization.json", "tuf.api.metadata")
    return Target("metadata about releases", body_of, (ProtocolError,), seeds, modules, words)
