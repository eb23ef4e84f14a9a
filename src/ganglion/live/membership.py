"""A node's own part in who belongs to the fleet: renews its certificate in time, and keeps out who was disabled.

Expiry never stops local work; only connections to others need a certificate.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from ..core.errors import GanglionError, Refused
from .identity.authority import Authority, certify_cloud
from .identity.files import CA_KEY, METADATA_ROOT
from .identity.join import Upper, news_after, relay, renew
from .identity.members import FILE, News, changing_members, read_news, write_news
from .identity.messages import Enrolled
from .identity.node import Identity
from .wire.enrol import Bulletin, Relay
from .wire.lines import Lines

LOOK_S = 600.0  # how often a node looks whether its certificate is due
AGAIN_S = 5.0  # after an attempt that failed; twice as long each time, up to LOOK_S
FILE_S = 0.2  # how often the cloud looks whether a command has changed the list of members
log = logging.getLogger("ganglion.membership")


@dataclass
class Membership:
    """Runs beside a node. `bar` keeps neighbours out; `upper` is whom the node dials, None at the cloud."""

    identity: Identity
    upper: Upper | None
    bar: Callable[[tuple[str, ...]], None]
    now_s: Callable[[], float] = time.time
    news: News = field(default_factory=lambda: News(-1, -1))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _closed: bool = False
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        folder = self.identity.folder
        self.authority = Authority.load(folder) if (folder / CA_KEY).exists() else None
        self.news = read_news(folder) if self.authority is None else self.authority.members().news

    def add_to(self, app: web.Application, lines: Lines) -> None:
        """The routes that a node with children answers."""
        lines.barred = frozenset(self.news.barred)
        Bulletin(lines, lambda: self.news, self._changed, lambda: self._closed).add_to(app)
        if self.authority is None:
            Relay(self._relay).add_to(app)

    def start(self) -> None:
        """Begins to look after both; whom it was told of in a former life is kept out from the start."""
        self.bar(self.news.barred)
        listen = (self._read_own, self._keep_signed) if self.authority is not None else (self._ask_above,)
        for work in (self._keep_certified, *listen):
            self._tasks.append(asyncio.ensure_future(work()))

    async def close(self) -> None:
        """Stops, and lets go of those who wait for news."""
        self._closed = True
        async with self._changed:
            self._changed.notify_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, raw: bytes) -> Enrolled:
        if self.upper is None:
            raise Refused("this node has nobody above who could renew a certificate; ask the cloud itself")
        return await relay(self.identity, self.upper, "/v1/renew", raw)

    async def _keep_certified(self) -> None:
        while True:
            if self._due.is_set() or self.identity.renew_due(self.now_s()):
                await _until_done(self._renew, "the certificate was not renewed")
            self._due.clear()
            await _first_of(self._due.wait(), LOOK_S)

    async def _renew(self) -> None:
        if self.authority is not None:
            certify_cloud(self.authority, self.identity.node)
            self.identity.reload()
        elif self.upper is not None:
            await renew(self.identity, *self.upper)
        log.info("certified until %s", self.identity.certificate.not_valid_after_utc)

    async def _ask_above(self) -> None:
        while self.upper is not None:
            await _until_done(self._hear_above, "no news of members")
            await asyncio.sleep(FILE_S)  # who answers at once, again and again, must not keep this node busy

    async def _hear_above(self) -> None:
        assert self.upper is not None
        await self._take(await news_after(self.identity, self.upper, self.news.version))

    async def _read_own(self) -> None:
        assert self.authority is not None
        file, seen = self.identity.folder / FILE, -1
        while True:
            written = file.stat().st_mtime_ns if file.exists() else 0
            if written != seen:
                seen = written
                await self._take(self._own_news())
            await asyncio.sleep(FILE_S)

    def _own_news(self) -> News:
        assert self.authority is not None
        from .identity.metadata import latest  # half of a second that only the cloud should wait

        news, folder = self.authority.members().news, self.identity.folder
        return msgspec.structs.replace(news, metadata=latest(folder)) if (folder / METADATA_ROOT).exists() else news

    async def _keep_signed(self) -> None:
        """Metadata about releases that is signed anew is news, for nodes that come back after it has ended."""
        from .identity.metadata import refresh

        folder = self.identity.folder
        while (folder / METADATA_ROOT).exists():
            if await asyncio.to_thread(refresh, folder):
                with changing_members(folder) as members:
                    members.version += 1
                log.info("the metadata about releases is signed anew")
            await asyncio.sleep(LOOK_S)

    async def _take(self, news: News) -> None:
        if msgspec.structs.replace(news, metadata=self.news.metadata) == self.news:
            return
        if self.authority is not None:
            self.authority.reload()  # before anybody hears of it and asks for a certificate
        if news.epoch != self.news.epoch:
            self._due.set()
        self.bar(news.barred)
        if self.authority is None:
            write_news(self.identity.folder, news)
        async with self._changed:
            self.news = news
            self._changed.notify_all()
        log.info("members: version %d, %d kept out", news.version, len(news.barred))


async def _until_done(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Tries again and again, ever more seldom; says once that it fails."""
    wait_s = AGAIN_S
    while True:
        try:
            await work()
            return
        except (GanglionError, OSError) as error:
            if wait_s == AGAIN_S:
                log.warning("%s: %s", what, error)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LOOK_S)


async def _first_of(event: Awaitable[object], timeout_s: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event, timeout_s)
