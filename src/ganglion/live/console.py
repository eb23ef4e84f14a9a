"""A person's console, away from the cloud's host: asks the cloud over mutual TLS, with a certificate of their own."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from ..core import errors
from ..core.codec import Codec
from ..core.errors import ProtocolError, Refused, Unreachable
from ..core.label import Zone
from .admin_gate import Asker, console_asker
from .admin_messages import FRAME_BYTES, Watch, Wrong, admin_codec
from .identity.certificates import certificate_of_bytes
from .identity.files import CA_CERT, NODE_CERT, NODE_KEY, read
from .identity.names import subject_of_peer, zone_host
from .wire.lines import Lines

PATH = "/v1/admin"
ERRORS = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type)}


@dataclass
class ConsoleRoute:
    """The cloud's side. `attempt` answers as the socket file in the node's folder does."""

    codec: Codec
    attempt: Callable[[Any, Asker], Awaitable[Any]]
    _lines: Lines | None = None

    def add_to(self, app: web.Application, lines: Lines) -> None:
        """Registers the route."""
        self._lines = lines
        app.router.add_post(PATH, self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        """What the node answers. An error of its own is an answer too."""
        try:
            return web.Response(body=self.codec.encode(await self._answer(request)))
        except errors.GanglionError as error:
            wrong = Wrong(type(error).__name__, str(error))
            return web.Response(status=403 if isinstance(error, Refused) else 400, body=self.codec.encode(wrong))

    async def _answer(self, request: web.Request) -> Any:
        assert self._lines is not None
        transport = request.transport
        subject = subject_of_peer(None if transport is None else transport.get_extra_info("peercert"))
        who = console_asker(subject)
        if subject.org != self._lines.me.org or who.name in self._lines.barred:
            raise Refused(f"{subject.uri} may not come in; ask the fleet's owner")
        asked = self.codec.decode(await request.read())
        if isinstance(asked, Watch):  # it is about the connection, which over HTTP ends with the answer
            raise ProtocolError(f"a {type(asked).__name__} needs the cloud's own host; ask there")
        return await self.attempt(asked, who)


class ConsoleClient:
    """Asks the cloud as the person whose key and certificate lie in a folder; blocking."""

    def __init__(self, folder: Path, address: tuple[str, int], timeout_s: float = 10.0) -> None:
        self._address, self._timeout_s = address, timeout_s
        self._codec = admin_codec()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.set_alpn_protocols(["http/1.1"])
        joined = "`ganglion console join` gets one"
        ends = certificate_of_bytes(read(folder / NODE_CERT, joined)).not_valid_after_utc
        if ends.timestamp() < time.time():
            raise Refused(f"the certificate in {folder} ended at {ends:%Y-%m-%d %H:%M}; `ganglion console renew` first")
        try:
            self._context.load_verify_locations(folder / CA_CERT)
            self._context.load_cert_chain(folder / NODE_CERT, folder / NODE_KEY)
        except (ssl.SSLError, OSError) as error:
            raise errors.NotFound(f"{folder} holds no certificate ({error}); {joined}") from None

    def ask(self, request: Any) -> Any:
        """The answer. Raises what the cloud raised, Refused where it does not let this person, Unreachable."""
        raw = self._codec.encode(request)
        line = Line(self._address, self._context, self._timeout_s)
        try:
            line.request("POST", PATH, raw)
            body = line.getresponse().read(FRAME_BYTES)
        except (OSError, http.client.HTTPException) as error:
            where = f"{self._address[0]}:{self._address[1]}"
            raise Unreachable(f"the cloud at {where} did not answer: {error}; is it running there?") from error
        finally:
            line.close()
        answer = self._codec.decode(body)
        if isinstance(answer, Wrong):
            raise ERRORS.get(answer.kind, errors.GanglionError)(answer.reason)
        return answer


class Line(http.client.HTTPSConnection):
    """HTTPS to an address, with the host name that every cloud's certificate carries."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, timeout_s: float) -> None:
        super().__init__(address[0], address[1], timeout=timeout_s, context=context)
        self._trusting = context

    def connect(self) -> None:
        """TLS as the wire does it: names are those of zones, wherever the cloud is."""
        super(http.client.HTTPSConnection, self).connect()
        self.sock = self._trusting.wrap_socket(self.sock, server_hostname=zone_host(Zone.CLOUD))
