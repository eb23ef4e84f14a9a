"""The OpenAPI document says what the port does: the same routes, and structs as they are."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from ganglion.bench.hostile_requests import operations
from ganglion.live.admin_messages import admin_codec
from ganglion.live.api import OPERATIONS, ApiRoute, document
from ganglion.live.console import ConsoleRoute
from ganglion.live.identity.authority import create_authority
from ganglion.live.insecure import InsecureRoute
from ganglion.live.wire.enrol import Bulletin, Enrolment
from ganglion.live.wire.http_log import http_log
from ganglion.live.wire.lines import Lines
from ganglion.live.wire.routes import Routes


def test_the_document_names_every_route_and_no_other(tmp_path: Path) -> None:
    app, lines = web.Application(), cast(Lines, None)  # routes are registered, none is asked
    authority = create_authority(tmp_path / "cloud")
    Routes(lines).add_to(app)
    Enrolment(authority).add_to(app)
    Bulletin(lines, cast(Any, None), asyncio.Condition(), lambda: False).add_to(app)
    ConsoleRoute(admin_codec(), cast(Any, None)).add_to(app, lines)
    InsecureRoute(authority).add_to(app, lines)
    ApiRoute("1").add_to(app, lines)
    # aiohttp answers HEAD wherever it answers GET, unless told otherwise
    routes = {
        (one.method, one.resource.canonical) for one in app.router.routes() if one.resource and one.method != "HEAD"
    }
    assert routes == {(one.method.upper(), one.path) for one in OPERATIONS}


def test_the_document_is_whole() -> None:
    read = json.loads(document("1"))
    assert read["openapi"].startswith("3.1") and len(operations(read)) == len(OPERATIONS) - 1  # one is insecure
    enrol = read["components"]["schemas"]["Enrol"]
    assert set(enrol["required"]) == {"id", "secret", "node", "csr"} and enrol["additionalProperties"] is False


def test_what_is_no_http_is_one_line_that_repeats_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        try:
            raise LineTooLong(b"GET /gn1.secret", 8190)
        except LineTooLong as error:
            http_log().error("Error handling request", exc_info=error)
    (record,) = caplog.records
    assert record.levelno == logging.INFO and "secret" not in record.getMessage() and record.exc_info is None
