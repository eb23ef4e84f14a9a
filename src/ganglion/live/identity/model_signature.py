"""A signature over a folder of files that others can check without ganglion: OpenSSF model signing 1.0, by certificate.

Check it with `model_signing verify certificate FOLDER --signature FOLDER/model.sig --certificate_chain roots.pem`.

Source: OpenSSF Model Signing v1.0; DSSE 1.0 (pre-authentication encoding); in-toto Statement v1; Sigstore bundle 0.3.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from . import certificates
from .files import NODE_CERT, NODE_KEY, read

NAME = "model.sig"
PAYLOAD = "application/vnd.in-toto+json"
_REMEDY = "export on the cloud's own host"


def signature_of(name: str, files: Mapping[str, bytes], folder: Path) -> bytes:
    """The bundle over files by their names, signed with a node's key and showing its certificates."""
    statement = msgspec.json.encode(_statement(name, files))
    key = certificates.key_of_bytes(read(folder / NODE_KEY, _REMEDY))
    signed = key.sign(
        b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(statement), statement), ec.ECDSA(SHA256())
    )
    chain = x509.load_pem_x509_certificates(read(folder / NODE_CERT, _REMEDY))
    shown = [{"rawBytes": _text(one.public_bytes(Encoding.DER))} for one in chain]
    envelope = {
        "payload": _text(statement),
        "payloadType": PAYLOAD,
        "signatures": [{"sig": _text(signed), "keyid": ""}],
    }
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"x509CertificateChain": {"certificates": shown}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    }
    return msgspec.json.format(msgspec.json.encode(bundle))


def _statement(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    digests = {file: hashlib.sha256(data) for file, data in sorted(files.items())}
    root = hashlib.sha256(b"".join(one.digest() for one in digests.values())).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [NAME],
            },
            "resources": [
                {"name": file, "algorithm": "sha256", "digest": one.hexdigest()} for file, one in digests.items()
            ],
        },
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
