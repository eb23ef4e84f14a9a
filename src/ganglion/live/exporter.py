"""One process that tells Prometheus of every node on this machine: a page per node, and a list of the pages.

It follows nodes over the sockets in their folders, so it needs nothing of them and may come and go.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from ..core.errors import ConfigError, GanglionError, NotFound
from .admin import AdminClient
from .admin_messages import AskSnapshot, Snapshot
from .metrics import HOST, PATH, Metrics

TARGETS = "/targets"
AGAIN_S = 1.0  # after a node that did not answer
PATIENCE_S = 5.0  # for a snapshot


@dataclass
class Followed:
    """One node: what it was heard to tell while this process runs."""

    home: Path
    version: str
    metrics: Metrics = field(init=False)
    _over: threading.Event = field(default_factory=threading.Event)
    _client: AdminClient | None = None
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.version, self.snapshot)

    def snapshot(self) -> Snapshot:
        """How it is now. Raises Unreachable where it does not run."""
        with AdminClient(self.home, PATIENCE_S) as client:
            seen: Snapshot = client.ask(AskSnapshot())
        return seen

    def start(self) -> None:
        """Follows its facts from now on, in a thread; through its restarts too."""
        self._thread = threading.Thread(target=self._follow, name=f"metrics-{self.home.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Follows no longer."""
        self._over.set()
        if self._client is not None:
            self._client.close()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _follow(self) -> None:
        while not self._over.is_set():
            try:
                with AdminClient(self.home) as client:
                    self._client = client
                    for _, body in client.watch():
                        self.metrics.hear(body)
            except GanglionError:
                pass  # it does not run now; its page says so
            self._over.wait(AGAIN_S)


class Exporter:
    """Every node of a fleet's state, by name."""

    def __init__(self, homes: Mapping[str, Path], version: str) -> None:
        self._nodes = {name: Followed(home, version) for name, home in homes.items()}
        self._address = ""

    def run(self, port: int, ready: Callable[[str], None]) -> None:
        """Until it is interrupted; `ready` hears where the list is. Raises ConfigError where the port is taken."""

        async def work() -> None:
            runner = await self.start(port)
            ready(self.url)
            try:
                await asyncio.Event().wait()
            finally:
                await runner.cleanup()

        asyncio.run(work())

    async def start(self, port: int) -> web.AppRunner:
        """Listens on loopback; whoever calls cleans the runner up. Raises ConfigError where the port is taken."""
        app = web.Application()
        app.router.add_get(TARGETS, self.targets)
        app.router.add_get(f"{PATH}/{{node}}", self.page)
        app.on_cleanup.append(self._close)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"port {port} of {HOST} cannot be listened on: {error}; choose another") from error
        self._address = f"{HOST}:{runner.addresses[0][1]}"
        for node in self._nodes.values():
            node.start()
        return runner

    @property
    def url(self) -> str:
        """What `http_sd_configs` of Prometheus is given."""
        return f"http://{self._address}{TARGETS}"

    async def targets(self, request: web.Request) -> web.Response:
        """The list, as Prometheus' HTTP service discovery reads it."""
        found = [
            {"targets": [self._address], "labels": {"__metrics_path__": f"{PATH}/{name}", "node": name}}
            for name in self._nodes
        ]
        return web.Response(body=json.dumps(found), content_type="application/json")

    async def page(self, request: web.Request) -> web.Response:
        """One node's page: 404 for no node of that name, 503 for one that does not run."""
        followed = self._nodes.get(request.match_info["node"])
        try:
            if followed is None:
                raise NotFound(f"no node {request.match_info['node']!r}: there are {', '.join(self._nodes)}")
            body = await asyncio.to_thread(followed.metrics.page)
        except NotFound as error:
            return web.Response(status=404, text=str(error))
        except GanglionError as error:
            return web.Response(status=503, text=str(error))
        return followed.metrics.response(body)

    async def _close(self, app: web.Application) -> None:
        for node in self._nodes.values():
            await asyncio.to_thread(node.close)
