"""Both rotations of a running fleet's authority while a console and a neighbour go on; a node that is disabled.

Processes and mutual TLS on loopback: a cloud, an edge, an owner who asks over a fresh connection each time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import GanglionError
from ..live.admin_messages import AskStatus
from ..live.console import ConsoleClient
from ..live.fleet_folder import HOST
from ..live.identity.authority import Authority
from ..live.identity.join import renew_person
from ..live.identity.members import DISABLED, ENROLLED, read_members
from ..live.identity.rotation import rotate
from ..protect.access import Role
from .access_console import AT_ONCE_S, CLOUD, EDGE, WAIT_S, cloud, enrolled
from .hostile_rest import neighbour, status

OWNER = "olga"
ROTATIONS = {"the issuing authority": ("issuer", "finish"), "root and authority": ("begin", "switch", "finish")}
PACE_S = 0.002  # between two requests
HOLD_S = 1.0  # after each step, so that it is under load that it holds
Result = dict[str, Any]


def rotations(folder: Path) -> list[Result]:
    """A row per kind of rotation: good requests that were rejected meanwhile; then how fast a disabled node is out."""
    with cloud(folder) as port:
        enrolled(folder, OWNER, Role.OWNER, port)
        with neighbour(folder, port):
            load = Load(lambda: ConsoleClient(folder / OWNER, (HOST, port)))
            rows = [_rotated(folder, port, what, steps, load) for what, steps in ROTATIONS.items()]
            rows.append(_cut(folder))
    return rows


@dataclass
class Load:
    """An owner at a console who asks and asks, and what was said to them."""

    client: Callable[[], ConsoleClient]
    asked: int = 0
    rejected: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until it is told to stop."""
        while not self._stop.wait(PACE_S):
            try:
                self.client().ask(AskStatus())
            except GanglionError as error:
                self.rejected.append(str(error))
            self.asked += 1

    def during(self, work: Callable[[], None]) -> tuple[int, list[str]]:
        """How many requests were made while something was done, and what those that were rejected were told."""
        self.asked, self.rejected = 0, []
        self._stop.clear()
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            work()
        finally:
            self._stop.set()
            thread.join()
        return self.asked, self.rejected


def _rotated(folder: Path, port: int, what: str, steps: tuple[str, ...], load: Load) -> Result:
    """All steps, each once every node has renewed after the one before; the owner renews as the command says."""
    before, links = Authority.load(folder / CLOUD), list[int]()

    def work() -> None:
        for step in steps:
            rotate(folder / CLOUD, step)
            wait_for(lambda: not read_members(folder / CLOUD).behind)
            asyncio.run(renew_person(folder / OWNER, (HOST, port)))
            time.sleep(HOLD_S)
            links.append(sum(link.up for link in status(folder).links))

    began_s = time.monotonic()
    asked, rejected = load.during(work)
    took_s, after = time.monotonic() - began_s, Authority.load(folder / CLOUD)
    replaced = after.issuers[0] != before.issuers[0] and len(after.issuers) == 1
    return {
        "what": f"live: good requests rejected while {what} is replaced in {took_s:.1f} s",
        "value": float(len(rejected)),
        "cells": asked,
        "why": rejected[0][:200] if rejected else "",
        "ok": not rejected and replaced and asked > 0 and set(links) == {1},
    }


def _cut(folder: Path) -> Result:
    """From the command until the neighbour's link is gone; then it is let in again."""
    authority, began_s = Authority.load(folder / CLOUD), time.monotonic()
    authority.change(EDGE, DISABLED)
    wait_for(lambda: not any(link.up for link in status(folder).links))
    took_s = time.monotonic() - began_s
    authority.change(EDGE, ENROLLED)
    wait_for(lambda: any(link.up for link in status(folder).links))
    return {"what": "live: seconds until a disabled node's link is cut", "value": took_s, "ok": took_s <= AT_ONCE_S}


def wait_for(true: Callable[[], bool]) -> None:
    """Until it holds, or for long enough that the row says no."""
    until_s = time.monotonic() + WAIT_S
    while not true() and time.monotonic() < until_s:
        time.sleep(0.02)
