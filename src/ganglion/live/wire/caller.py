"""The bulk lane of the side that dials: asks its parent over HTTP, range by range, and fetches the mail kept there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ...core.errors import GanglionError, ProtocolError
from ...core.ports import Parcel, Tell
from ...core.process import Lane
from ...flow.fetch.messages import Got, Pull, Push
from ..identity.names import Name
from ..identity.node import Identity
from ..own_socket import own_socket
from .frame import Kind, encode
from .lines import Lines
from .neighbour import Neighbour
from .pieces import Pieces
from .sockets import tune_socket
from .transfer import (
    BLOBS,
    HEAD,
    PARCELS,
    Limits,
    answers,
    body_of,
    content_range,
    head_of,
    head_to_text,
    read_frame,
    show,
)
from .waiting import Queue, Waiting

HTTP = "http/1.1"
QUESTIONS = 4  # pulls and pushes that wait for their answers at a time


@dataclass
class Caller:
    """Asks one parent. What cannot be done is told to whoever sent it."""

    identity: Identity
    lines: Lines
    parent: Name
    address: tuple[str, int]
    _queue: Queue = field(init=False)
    _session: aiohttp.ClientSession | None = None
    _running: dict[asyncio.Task[None], Waiting | None] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _mail: asyncio.Event = field(default_factory=asyncio.Event)
    _loops: list[asyncio.Task[None]] = field(default_factory=list)
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS))

    def start(self) -> None:
        """Opens the session. Needs the neighbour to be known to `lines`."""
        settings, counts = self.lines.settings, self.lines.counts
        most = settings.queue_bytes + settings.bulk_bytes
        self._queue = Queue(Lane.BULK, asyncio.get_running_loop(), most, counts, lambda: None)
        timeout = aiohttp.ClientTimeout(None, sock_connect=settings.dial_s, sock_read=settings.answer_s)
        connector = aiohttp.TCPConnector(
            ssl=self.identity.client(HTTP),
            limit=QUESTIONS + 2,
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        self._loops = [asyncio.ensure_future(self._send_all()), asyncio.ensure_future(self._fetch_all())]

    async def close(self) -> None:
        """Ends what runs."""
        tasks = [*self._loops, *self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def send(self, parcel: Parcel, tell: Tell) -> None:
        """Puts a parcel in line. Raises ProtocolError for one that can never go."""
        size = sum(array.nbytes for _, array in parcel.attached)
        if size > self.lines.settings.bulk_bytes:
            raise ProtocolError(f"a parcel of {size} bytes is over {self.lines.settings.bulk_bytes}; send it in pieces")
        self._queue.add(parcel, tell, size)
        self._more.set()

    def cancel(self, name: str) -> None:
        """Forgets parcels of that name, and breaks off those under way."""
        self._queue.cancel(name)
        for task, one in list(self._running.items()):
            if one is not None and one.parcel.name == name:
                del self._running[task]
                task.cancel()

    def broken(self, why: str) -> None:
        """The link is down: gives up what waits and what is under way."""
        self._queue.clear(why)
        for task, one in list(self._running.items()):
            del self._running[task]
            task.cancel()
            if one is not None:
                self.lines.counts.lost += 1
                one.fail(why)

    def fetch_mail(self) -> None:
        """The parent keeps something for this node."""
        self._mail.set()

    @property
    def _peer(self) -> Neighbour:
        return self.lines.neighbours[self.parent.node]

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        made = tune_socket(own_socket(info))
        self._peer.pace.sockets.add(made)
        return made

    async def _send_all(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue:
                if not self._asks_next():
                    await asyncio.wait([self._begin(self._done)])  # parcels keep their order
                    continue
                await self._free.acquire()
                if self._asks_next():
                    self._begin(self._done_asking)
                else:  # cancelled meanwhile
                    self._free.release()

    def _asks_next(self) -> bool:
        return bool(self._queue) and isinstance(self._queue.first().parcel.body, Pull | Push)

    def _begin(self, done: Callable[[asyncio.Task[None]], None]) -> asyncio.Task[None]:
        one = self._queue.pop()
        task = asyncio.ensure_future(self._carry(one))
        self._running[task] = one
        task.add_done_callback(done)
        return task

    async def _fetch_all(self) -> None:
        while True:
            await self._mail.wait()
            self._mail.clear()
            task = asyncio.ensure_future(self._fetch_mail())
            self._running[task] = None
            task.add_done_callback(self._done)
            await asyncio.wait([task])

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "a bulk transfer failed", "exception": error})

    def _done_asking(self, task: asyncio.Task[None]) -> None:
        self._free.release()
        self._done(task)

    async def _carry(self, one: Waiting) -> None:
        parcel = one.parcel
        try:
            async with asyncio.timeout(parcel.left_s):
                await (self._ask(parcel) if isinstance(parcel.body, Pull | Push) else self._post(parcel))
        except (GanglionError, aiohttp.ClientError, OSError, TimeoutError) as error:
            self.lines.counts.lost += 1
            one.fail(str(error) or f"no answer within {parcel.left_s or self.lines.settings.answer_s:g} s")

    async def _post(self, parcel: Parcel) -> None:
        head, parts, _ = encode(parcel, 0, self.lines.codec)
        async with self._request("POST", PARCELS, {}, [head, *parts]) as answer:
            await _expect(answer, 204)
        self.lines.counts.sent += 1

    async def _ask(self, parcel: Parcel) -> None:
        body = parcel.body
        head, parts, _ = encode(parcel, 0, self.lines.codec)
        headers = {HEAD: head_to_text(head)}
        path, method = f"{BLOBS}{body.ref.digest}", "PUT"
        if isinstance(body, Pull):
            method = "GET"
            headers["Range"] = f"bytes={body.start}-{body.start + body.size - 1}"
        elif body.data is None:
            path += "?offset"
        else:
            headers["Content-Range"] = content_range(body, sum(map(len, parts)))
        async with self._request(method, path, headers, parts, head) as answer:
            self.lines.counts.sent += 1
            await self._answered(body, answer)

    async def _answered(self, asked: Pull | Push, answer: aiohttp.ClientResponse) -> None:
        settings = self.lines.settings
        limits = Limits(settings.bulk_bytes, settings.stall_s)
        if answer.status == 206:
            pieces = Pieces.announced(asked, head_of(answer.headers, settings.bulk_bytes), self.lines.codec)
            seconds = await pieces.read(answer.content, limits, lambda part: self.lines.deliver(self._peer, part))
            self._receipt(len(pieces.data), seconds)
            return
        await _expect(answer, 200, 404)
        parcel, seconds = await read_frame(answer.content, limits, self.lines.codec)
        if not answers(asked, parcel.body) or not isinstance(parcel.body, Got):
            raise ProtocolError(f"a {type(parcel.body).__name__} is no answer to this {type(asked).__name__}")
        self.lines.deliver(self._peer, parcel)

    async def _fetch_mail(self) -> None:
        settings = self.lines.settings
        limits = Limits(settings.bulk_bytes, settings.stall_s)
        try:
            while True:
                async with self._request("GET", PARCELS, {}, []) as answer:
                    if answer.status == 204:
                        return
                    await _expect(answer, 200)
                    self._heard(*await read_frame(answer.content, limits, self.lines.codec))
        except (GanglionError, aiohttp.ClientError, OSError, TimeoutError) as error:
            self.lines.trouble = f"BULK of {self.parent.node}: {str(error) or 'too slow'}"

    def _heard(self, parcel: Parcel, seconds: float) -> None:
        self._receipt(sum(array.nbytes for _, array in parcel.attached), seconds)
        self.lines.deliver(self._peer, parcel)

    def _receipt(self, size_bytes: int, seconds: float) -> None:
        if size_bytes and seconds > 0.0:
            self._peer.say(Kind.RECEIPT, Lane.BULK, size_bytes, seconds)

    def _request(
        self, method: str, path: str, headers: dict[str, str], parts: list[Any], head: bytes = b""
    ) -> aiohttp.client._RequestContextManager:
        assert self._session is not None
        size = sum(map(len, parts))
        show(self.lines.ears.tap, self.parent.node, head, parts)
        if size:
            headers["Content-Length"] = str(size)
        url = f"https://{self.address[0]}:{self.address[1]}{path}"
        data = body_of(parts, self._peer.pace) if size else None
        return self._session.request(method, url, headers=headers, data=data, server_hostname=self.parent.host)


async def _expect(answer: aiohttp.ClientResponse, *allowed: int) -> None:
    if answer.status not in allowed:
        text = (await answer.content.read(500)).decode(errors="replace").strip()
        raise ProtocolError(f"the parent answers {answer.status}: {text or answer.reason}")
