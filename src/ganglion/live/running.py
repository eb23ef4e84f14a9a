"""One running node as its supervisor has it: the process, and a thread that follows every fact told there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.codec import Codec
from ..core.errors import GanglionError, Unreachable
from ..core.fleet import NodeId
from .admin import AdminClient
from .logs import tail
from .process import Process

LOOK_S = 0.02
GONE_S = 2.0  # for a process that has hung up to be gone
TAIL_LINES = 20


@dataclass
class Running:
    """A node's process; `expected`: whoever ends it now is one of us."""

    id: NodeId
    folder: Path
    process: Process
    expected: bool = False
    _client: AdminClient | None = None
    _thread: threading.Thread | None = None
    _left: bool = False

    def attend(self, codec: Codec, timeout_s: float) -> AdminClient:
        """Waits until the node answers. Raises Unreachable with its log when it ends or takes too long."""
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                self._client = AdminClient(self.folder, codec=codec)
                return self._client
            except Unreachable:
                if self.process.wait(LOOK_S):
                    raise Unreachable(self.obituary()) from None
                if time.monotonic() > until_s:
                    raise Unreachable(f"node {self.id} did not answer within {timeout_s:g} s{self._log()}") from None

    def follow(self, hear: Callable[[float, NodeId, Any], None], lost: Callable[[NodeId, str], None]) -> None:
        """From now on `hear`s every fact, in a thread; `lost` when the node ends and nobody of us ended it."""
        client = self._client
        assert client is not None  # attend comes first

        def run() -> None:
            why = ""
            try:
                for at_s, body in client.watch(0):
                    hear(at_s, self.id, body)
            except GanglionError as error:
                why = f"; {error}"
            if not (self.expected or self._left):
                gone = self.process.wait(GONE_S)
                lost(self.id, self.obituary() if gone else f"node {self.id} hung up{why}{self._log()}")

        self._thread = threading.Thread(target=run, name=f"follow-{self.id}", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Follows no longer. Of a process that has ended, what it still said is heard first."""
        self._left = True
        if self._thread is not None and self.process.wait(0.0):
            self._thread.join(GONE_S)
        if self._client is not None:
            self._client.close()
        if self._thread is not None:
            self._thread.join(GONE_S)

    def obituary(self) -> str:
        """How it ended, and its last words."""
        return f"node {self.id} {self.process.how}{self._log()}"

    def _log(self) -> str:
        lines = tail(self.folder, TAIL_LINES)
        return "; the end of its log:\n" + "\n".join(lines) if lines else f"; it logged nothing in {self.folder}"
