"""Makes requests from an OpenAPI document: as it says, or with one or more things that it does not allow."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..core.label import PUBLIC_RAW
from ..core.ports import Parcel
from ..core.process import Lane
from ..core.ref import Ref
from ..flow.fetch.messages import Got, Pull
from ..live.admin_messages import AskModels, AskStatus, ExplainModel, admin_codec
from ..live.wire.frame import encode
from ..node.bodies import make_codec

METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE")
TEXTS = ("", ".", "..", "\0", "../../etc/passwd", "\u202e", "A" * 5000, "-1", "1e999", "null", "{}", "a/b", "%", "\r\n")
VALUES: tuple[Any, ...] = (None, True, -1, 2**63, 1e308, [], {}, "", "\u00e9", "A" * 5000, [[[[]]]], "gn1.x.y.z")
DEEP = b"[" * 5000
MOST_BYTES = 40_000  # of a body; the port takes less


@dataclass(frozen=True)
class Request:
    """What goes over the connection."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Operation:
    """A method of a route, as the document has it."""

    method: str
    path: str
    answers: frozenset[int]
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None  # a struct's schema; {} = bytes; None = no body


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """All of a document's that are there without --insecure."""
    schemas, found = document["components"]["schemas"], list[Operation]()
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if "--insecure" in one.get("description", ""):
                continue
            body = None
            if "requestBody" in one:
                (media,) = one["requestBody"]["content"].values()
                body = schemas[media["schema"]["$ref"].rpartition("/")[2]] if media["schema"] else {}
            answers = frozenset(int(status) for status in one["responses"])
            found.append(Operation(method.upper(), path, answers, tuple(one.get("parameters", ())), body))
    return found


def request_of(one: Operation, rng: random.Random) -> Request:
    """A request to an operation; about every fourth is as the document says."""
    bad = rng.random() < 0.75
    target, query, headers = one.path, list[str](), list[tuple[str, str]]()
    for parameter in one.parameters:
        if bad and rng.random() < 0.2:
            continue  # it is missing
        value = _text(parameter, rng, bad and rng.random() < 0.5)
        match parameter["in"]:
            case "path":
                target = target.replace("{" + parameter["name"] + "}", quote(value, safe=""))
            case "query":
                query += [f"{parameter['name']}={quote(value)}"] * (1 + (bad and rng.random() < 0.1))
            case _:
                headers.append((parameter["name"], _line(value)))
    method = rng.choice(METHODS) if bad and rng.random() < 0.05 else one.method
    body = b"" if one.body is None and not (bad and rng.random() < 0.2) else _body(one, rng, bad)
    return Request(method, "?".join([target, *(["&".join(query)] if query else [])]), tuple(headers), body)


def _line(text: str) -> str:
    """As a client can put it into a header: one line of latin-1."""
    return "".join(char if 32 <= ord(char) < 256 else "?" for char in text)


def _text(parameter: Mapping[str, Any], rng: random.Random, bad: bool) -> str:
    schema = parameter["schema"]
    if bad:
        return rng.choice((*TEXTS, "0" * rng.randint(1, 100), rng.randbytes(rng.randint(1, 40)).decode("latin-1")))
    if schema.get("contentEncoding") == "base64":
        return base64.b64encode(_frame(rng)).decode()
    if schema["type"] == "integer":
        return str(rng.choice((schema["minimum"], 0, 1, 7)))
    if "bytes=" in schema.get("pattern", ""):
        start = rng.randrange(100)
        return f"bytes={start}-{start + rng.randrange(1, 100_000)}"
    return _digest(rng) if "pattern" in schema else str(rng.randrange(100))


def _digest(rng: random.Random) -> str:
    return rng.randbytes(32).hex()


def _frame(rng: random.Random) -> bytes:
    """A frame that carries a real question, at times with some of its bytes changed."""
    ref = Ref(_digest(rng), rng.randrange(1, 1 << 20), PUBLIC_RAW)
    asked = rng.choice((Pull(ref, 0, 100), Got(ref, 10), None))
    head, parts, _ = encode(Parcel("Fetch", ref.digest, asked, Lane.BULK, 1.0), 1, make_codec())
    raw = bytearray(b"".join((head, *parts)))
    for _ in range(rng.choice((0, 0, 1, 3))):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def _body(one: Operation, rng: random.Random, bad: bool) -> bytes:
    if one.body:
        raw = json.dumps(_struct(one.body, rng, bad)).encode()
    elif "admin" in one.path:
        raw = admin_codec().encode(rng.choice((AskStatus(), AskModels(), ExplainModel("9"))))
    else:
        raw = _frame(rng)
    if bad and rng.random() < 0.5:
        at = rng.randrange(len(raw) + 1)
        raw = rng.choice(
            (
                raw[:at],
                raw[:at] + rng.randbytes(rng.randint(1, 20)) + raw[at:],
                rng.randbytes(rng.randint(0, 200)),
                DEEP,
                bytes(rng.randint(0, MOST_BYTES)),
            )
        )
    return raw


def _struct(schema: Mapping[str, Any], rng: random.Random, bad: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in schema["properties"].items():
        encoded = kind.get("contentEncoding") == "base64"
        found[name] = base64.b64encode(rng.randbytes(32)).decode() if encoded else f"edge-{rng.randrange(9)}"
        if bad and rng.random() < 0.3:
            found[name] = rng.choice(VALUES)
        if bad and rng.random() < 0.1:
            del found[name]
    return {**found, "more": 1} if bad and rng.random() < 0.1 else found
