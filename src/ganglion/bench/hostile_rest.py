"""Requests made from the API's own schema, good and bad, against the port of a cloud that runs as a process.

The schema is what that port itself serves. Callers: nobody, a neighbour with a link, an owner at a console.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.label import Zone
from ..live.admin import AdminClient
from ..live.admin_messages import Status
from ..live.agent_file import AgentFile, write_agent_file
from ..live.api import PATH
from ..live.console import Line
from ..live.fleet_folder import HOST
from ..live.identity.authority import Authority
from ..live.identity.files import CA_CERT, NODE_CERT, NODE_KEY
from ..live.identity.join import HTTP, join_as
from ..live.process import AGENT, end, spawn
from ..node.tools import Policy
from ..protect.access import Role
from .access_console import CLOUD, EDGE, FLEET, WAIT_S, cloud, enrolled
from .hostile_requests import Request, operations, request_of

CASES, QUICK_CASES = 20_000, 1_000
PATIENCE_S = 25.0  # for one answer; the list of members may be waited for until it changes
FLAT = 0.05  # share by which memory may grow over the last nine tenths
GENERIC = (400, 404, 405, 408, 411, 413, 414, 417, 431)  # of HTTP itself
CALLERS = ("", str(EDGE), "olga")  # "": without a certificate
Result = dict[str, Any]


def rest(folder: Path, quick: bool, seed: int) -> Result:
    """One row: so many requests, what came back, and how the process is afterwards."""
    count, rng = QUICK_CASES if quick else CASES, random.Random(seed)
    with cloud(folder) as port, neighbour(folder, port):
        enrolled(folder, CALLERS[2], Role.OWNER, port)
        callers = [Caller(folder, who, port) for who in CALLERS]
        known = operations(json.loads(callers[0].ask(Request("GET", PATH))[1]))
        seen, early_bytes = Seen(), 0
        for number in range(count):
            if number == count // 10:
                early_bytes = status(folder).usage.rss_bytes
            operation = rng.choice(known)
            seen.judge(operation.answers, request_of(operation, rng), callers[number % len(callers)])
        after = status(folder)
    if not any(link.up and link.peer == EDGE for link in after.links):
        seen.wrong.append("the neighbour's link did not survive")
    growth = after.usage.rss_bytes / early_bytes - 1.0
    return {
        "what": f"requests by the API's schema, {len(known)} operations",
        "inputs": count,
        "accepted": seen.accepted,
        "crashes": len(seen.wrong) + after.errors,
        "first_crash": next(iter(seen.wrong), ""),
        "slowest_ms": round(1e3 * seen.slowest_s, 2),
        "rss_growth": round(growth, 4),
        "inputs_s": round(count / seen.seconds),
        "ok": not seen.wrong and not after.errors and (quick or growth <= FLAT),
    }


@dataclass
class Seen:
    """What came back so far."""

    accepted: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def judge(self, answers: frozenset[int], request: Request, caller: Caller) -> None:
        """An answer must be one that the schema names, or one of HTTP itself; no answer at all is wrong."""
        began_s = time.perf_counter()
        try:
            code = caller.ask(request)[0]
            if code not in answers and code not in GENERIC:
                self.wrong.append(f"{code} to {request}"[:300])
            self.accepted += code < 300
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(f"{type(error).__name__}: {error} to {request}"[:300])
        took_s = time.perf_counter() - began_s
        self.seconds, self.slowest_s = self.seconds + took_s, max(self.slowest_s, took_s)


class Caller:
    """One connection of one caller, made again whenever it has ended."""

    def __init__(self, folder: Path, who: str, port: int) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.set_alpn_protocols([HTTP])
        self._context.load_verify_locations(folder / EDGE / CA_CERT)
        if who:
            self._context.load_cert_chain(folder / who / NODE_CERT, folder / who / NODE_KEY)
        self._line: Line | None = None

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Status and body. Raises OSError and HTTPException where no answer came."""
        line = self._line or Line((HOST, self._port), self._context, PATIENCE_S)
        self._line = None
        try:
            line.putrequest(request.method, request.target, skip_accept_encoding=True)
            for name, value in (*request.headers, ("Content-Length", str(len(request.body)))):
                line.putheader(name, value)
            line.endheaders(request.body)
            answer = line.getresponse()
            found = answer.status, answer.read()
            self._line = None if answer.will_close else line
        finally:
            if self._line is None:
                line.close()
        return found


@contextmanager
def neighbour(folder: Path, port: int) -> Iterator[None]:
    """An edge as a process, with its link up: what it may ask, whoever has its certificate may ask too."""
    home = folder / EDGE
    asyncio.run(join_as(Authority.load(folder / CLOUD).invite(EDGE, Zone.EDGE, 60.0), (HOST, port), EDGE, home))
    write_agent_file(home, AgentFile(EDGE, FLEET, Policy(), 7, parent=(HOST, port)))
    process, until_s = spawn(AGENT, [str(home)], home), time.monotonic() + WAIT_S
    try:
        while not any(link.up for link in status(folder).links) and time.monotonic() < until_s:
            time.sleep(0.05)
        yield
    finally:
        end([process], 3.0)
        process.let_go()


def status(folder: Path) -> Status:
    """How the cloud is."""
    with AdminClient(folder / CLOUD) as client:
        return client.status()
