"""Joining without a token, for trying things out: only where both ends are this machine, and never quietly.

Connections are under mutual TLS all the same; what is missing is the proof that whoever joins was invited.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec
from aiohttp import web

from ..core.errors import Corrupt, NotFound, Refused
from ..core.fleet import NodeId
from .identity.authority import Authority
from .identity.certificates import request as certificate_request
from .identity.join import first_roots, post
from .identity.messages import Enrol, Turned, enrol_of_bytes, token_of
from .identity.node import Identity, accept, key_of
from .wire.lines import Lines

PATH = "/v1/enrol-insecure"
TTL_S = 5.0
log = logging.getLogger("ganglion.insecure")


def check_loopback(host: str, what: str) -> None:
    """Raises Refused for any address but this machine's own."""
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    if not own:
        raise Refused(
            f"--insecure with {what} {host}: it is for this machine alone; use 127.0.0.1, or invite with a token"
        )


@dataclass
class InsecureRoute:
    """The cloud's side: lets every node of the fleet file join that asks from this machine."""

    authority: Authority
    _lines: Lines | None = None

    def add_to(self, app: web.Application, lines: Lines) -> None:
        """Registers the route, and says so."""
        self._lines = lines
        log.warning("INSECURE: whoever is on this machine may join this fleet without a token")
        app.router.add_post(PATH, self.enrol)

    async def enrol(self, request: web.Request) -> web.Response:
        """A certificate for a node of the fleet file."""
        assert self._lines is not None
        try:
            check_loopback(request.remote or "", "a request from")
            asked = enrol_of_bytes(await request.read())
            node = NodeId(asked.node)
            token = token_of(self.authority.invite(node, self._lines.fleet.zone(node), TTL_S))
            log.warning("INSECURE: %s joins without a token", node)
            given = self.authority.enrol(token.id, token.secret, node, asked.csr)
        except (Refused, NotFound, Corrupt) as error:
            return web.Response(status=403, body=msgspec.json.encode(Turned(str(error))))
        return web.Response(body=msgspec.json.encode(given))


async def join_insecurely(address: tuple[str, int], node: str, folder: Path) -> Identity:
    """Makes this node's key and takes the certificate of whichever cloud answers there. Raises Refused, Unreachable."""
    check_loopback(address[0], "the cloud at")
    asked = Enrol("", b"", node, certificate_request(key_of(folder), node))
    accept(folder, await post(address, PATH, asked, await first_roots(address)))
    return Identity.load(folder)
