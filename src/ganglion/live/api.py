"""The HTTP side of a node's one port as an OpenAPI document: every route, what it takes and what it may answer.

Source: OpenAPI Specification 3.1.0. Bodies that are structs are described by those structs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from .console import PATH as CONSOLE
from .identity.members import News
from .identity.messages import Enrol, Enrolled, Renew, Turned
from .insecure import PATH as INSECURE
from .wire.lines import Lines
from .wire.transfer import BLOBS, HEAD, PARCELS

PATH = "/v1/openapi.json"
JSON, BYTES, TEXT, PEM = "application/json", "application/octet-stream", "text/plain", "application/x-pem-file"
DIGEST: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
FRAME: dict[str, Any] = {"type": "string", "contentEncoding": "base64", "maxLength": 8192}
Body = tuple[str, Any]  # media type, and a struct or None for bytes


@dataclass(frozen=True)
class Operation:
    """One method of one route. `who`: whose certificate it needs; "" = none."""

    method: str
    path: str
    what: str
    who: str
    answers: dict[int, Body | None]
    body: Body | None = None
    parameters: tuple[tuple[str, str, bool, dict[str, Any]], ...] = ()  # where, name, required, schema
    only_insecure: bool = False


TURNED, NO = (JSON, Turned), (TEXT, None)
TRANSFER: dict[int, Body | None] = {400: NO, 403: NO, 413: NO, 503: NO, 504: NO}
BLOB = (("path", "digest", True, DIGEST), ("header", HEAD, True, FRAME))
OPERATIONS = (
    Operation("get", PATH, "This document.", "", {200: (JSON, None)}),
    Operation("get", "/v1/authority", "The roots to trust, to compare with a token.", "", {200: (PEM, None)}),
    Operation(
        "post",
        "/v1/enrol",
        "A certificate for a token.",
        "",
        {200: (JSON, Enrolled), 403: TURNED, 413: NO},
        (JSON, Enrol),
    ),
    Operation(
        "post",
        INSECURE,
        "A certificate for whoever asks from this machine.",
        "",
        {200: (JSON, Enrolled), 403: TURNED, 413: NO},
        (JSON, Enrol),
        only_insecure=True,
    ),
    Operation(
        "post",
        "/v1/renew",
        "A fresh certificate for an old one over the same key.",
        "",
        {200: (JSON, Enrolled), 403: TURNED, 413: NO, 503: TURNED},
        (JSON, Renew),
    ),
    Operation(
        "get",
        "/v1/members",
        "Who may not come in, once that is no longer what it was in a version.",
        "neighbour",
        {200: (JSON, News), 403: TURNED},
        None,
        (("query", "after", False, {"type": "integer", "minimum": -1}),),
    ),
    Operation(
        "get",
        BLOBS + "{digest}",
        "A piece of a blob.",
        "neighbour",
        {206: (BYTES, None), 404: (BYTES, None), **TRANSFER},
        None,
        (*BLOB, ("header", "Range", True, {"type": "string", "pattern": "^bytes=[0-9]{1,15}-[0-9]{1,15}$"})),
    ),
    Operation(
        "put",
        BLOBS + "{digest}",
        "A piece of a blob, or the question from where on it is wanted.",
        "neighbour",
        {200: (BYTES, None), **TRANSFER},
        (BYTES, None),
        (*BLOB, ("query", "offset", False, {"type": "string", "maxLength": 8})),
    ),
    Operation("post", PARCELS, "Any other parcel.", "neighbour", {204: None, 400: NO, 403: NO, 413: NO}, (BYTES, None)),
    Operation(
        "get", PARCELS, "The next parcel that waits.", "neighbour", {200: (BYTES, None), 204: None, 400: NO, 403: NO}
    ),
    Operation(
        "post",
        CONSOLE,
        "A person's request to the cloud.",
        "person",
        {200: (BYTES, None), 400: (BYTES, None), 403: (BYTES, None), 413: NO},
        (BYTES, None),
    ),
)


@cache
def document(version: str) -> bytes:
    """The document as JSON."""
    structs = [Enrol, Renew, Enrolled, Turned, News]
    _, components = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _described(one)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "ganglion: a node's port", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }
    return msgspec.json.encode(whole)


def _described(one: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, body in one.answers.items():
        answers[str(status)] = {"description": web.Response(status=status).reason, **_content(body)}
    found: dict[str, Any] = {"summary": one.what, "responses": answers}
    if one.who:
        found["description"] = f"Needs the client certificate of a {one.who}."
    if one.only_insecure:
        found["description"] = "There only with --insecure, on loopback."
    if one.body is not None:
        found["requestBody"] = {"required": True, **_content(one.body)}
    if one.parameters:
        found["parameters"] = [
            {"in": place, "name": name, "required": required, "schema": schema}
            for place, name, required, schema in one.parameters
        ]
    return found


def _content(body: Body | None) -> dict[str, Any]:
    if body is None:
        return {}
    media, kind = body
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"} if kind is not None else {}
    return {"content": {media: {"schema": schema}}}


@dataclass(frozen=True)
class ApiRoute:
    """Serves the document to whoever asks."""

    version: str

    def add_to(self, app: web.Application, lines: Lines) -> None:
        """Registers the route."""
        app.router.add_get(PATH, self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        """The document."""
        return web.Response(body=document(self.version), content_type=JSON)
