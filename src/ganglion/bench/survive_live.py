"""Real processes and what is done to them: samples offered at devices, kill -9 of anybody, links broken and mended."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import GanglionError, NotFound
from ..core.facts import Answered, Hard
from ..core.fleet import Fleet, NodeId
from ..core.label import Tier, Zone
from ..core.ref import Ref
from ..flow.deliver.messages import Delivered
from ..flow.job.cloud import Job
from ..flow.job.messages import JobOver, Order
from ..live.admin import AdminClient
from ..live.supervisor import LiveFleet
from ..node.tools import Policy
from ..project import resolve
from ..run import Setup
from .survive_fleet import ALL_KEPT, CLOUD

PROJECT = str(Path(__file__).parents[1] / "template")
FEATURES = 30  # of the project's samples
PATIENCE_S, JOB_S = 60.0, 180.0
AWAY_S = 0.2
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass
class Source(threading.Thread):
    """Offers samples at a device for as long as it is told to, whoever dies meanwhile."""

    running: LiveFleet
    device: NodeId
    rate_hz: float
    offered: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    number: int = 0

    def __post_init__(self) -> None:
        super().__init__(name=f"offer-{self.device}", daemon=True)

    __hash__ = object.__hash__

    def run(self) -> None:
        """Until it is over."""
        while not self.over.is_set():
            try:
                with AdminClient(self.running.folder / self.device) as client:
                    self._offer(client, self._hold(client))
            except GanglionError:  # it was killed: go on with its next life
                self.over.wait(0.05)

    def _hold(self, client: AdminClient) -> Ref:
        """Something for the samples to hold; that nobody can answer it yet does not matter."""
        since = len(self.running.facts)
        try:
            client.infer(np.zeros(FEATURES, np.float32), Tier.PUBLIC, timeout_s=2.0)
        except GanglionError:
            client.status()  # raises too if the node has gone
        until_s = time.monotonic() + 5.0
        while time.monotonic() < until_s:
            for _, node, body in self.running.facts[since:]:
                if node == self.device and isinstance(body, Answered) and "/asked/" in body.answer.sample:
                    return body.x
            self.over.wait(0.01)
        raise NotFound(f"{self.device} did not say what it answered; look into its log")

    def _offer(self, client: AdminClient, x: Ref) -> None:
        while not self.over.is_set():
            name = f"{self.device}/m/{self.number}"
            self.number += 1
            self.offered.add(name)
            client.tell(Hard(name, x))
            self.over.wait(1.0 / self.rate_hz)


@dataclass
class Run:
    """A running fleet, its sources, and how long it took to come back from each fault."""

    running: LiveFleet
    sources: list[Source]
    back_s: dict[str, list[float]] = field(default_factory=dict)
    jobs: list[JobOver] = field(default_factory=list)  # how those ended whose worker was killed
    faults: int = 0

    @property
    def edges(self) -> tuple[NodeId, ...]:
        """Of the fleet."""
        return tuple(node.id for node in self.running.fleet.at(Zone.EDGE))

    def fault(self, kind: str, place: int) -> None:
        """One fault of a kind, at one of the sites, and the way back from it."""
        edge = self.edges[place % len(self.edges)]
        device = self.running.fleet.children(edge)[0].id
        self.faults += 1
        if kind == "worker":
            self.jobs.append(self.job(kill_after_s=1.0 + 0.5 * (self.faults % 4)))
        elif kind in ("link", "silence"):
            self.running.cut(edge, reset=kind == "link")
            self.running.rest(AWAY_S * (1 + place))
            self._back(kind, lambda: self.running.mend(edge), device)
        else:
            victim = {"edge": edge, "cloud": CLOUD, "device": device}[kind]
            self.running.kill(victim)
            self.running.rest(AWAY_S)
            self._back(kind, lambda: self.running.start(victim), device)

    def _back(self, kind: str, mend: Callable[[], None], device: NodeId) -> None:
        """From the moment that it is mended to the first of the site's samples at the cloud."""
        began_s, since = self.running.now_s(), len(self.running.facts)
        mend()

        def arrived(node: NodeId, body: Any) -> bool:
            return node == CLOUD and isinstance(body, Delivered) and body.sample.startswith(f"{device}/")

        self.running.wait(arrived, PATIENCE_S, since)
        self.back_s.setdefault(kind, []).append(self.running.now_s() - began_s)

    def job(self, kill_after_s: float = -1.0) -> JobOver:
        """A release is trained and rolled out; or so many seconds after it was born its worker is killed."""
        since = len(self.running.facts)
        rings = tuple((edge,) for edge in self.edges)
        number = int(self.running.begin(CLOUD, Job(0, Order("survive"), rings)))
        if kill_after_s >= 0.0:
            until_s = time.monotonic() + PATIENCE_S
            while not (found := children(self.running.status(CLOUD).pid)) and time.monotonic() < until_s:
                self.running.rest(0.01)
            self.running.rest(kill_after_s)
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        mine = lambda node, body: isinstance(body, JobOver) and body.number == number  # noqa: E731
        over: JobOver = self.running.wait(mine, JOB_S, since)
        return over

    def settle(self) -> None:
        """Until nobody has anything promised to send."""
        until_s = time.monotonic() + PATIENCE_S
        quiet = 0
        while quiet < 3 and time.monotonic() < until_s:
            quiet = 0 if sum(self.running.status(node.id).waiting for node in self.running.fleet.nodes) else quiet + 1
            self.running.rest(0.3)

    def first_answers(self, starts: int) -> list[float]:
        """Seconds from the start of the processes of an edge and its device to an answer, while there is no cloud."""
        edge = self.edges[0]
        device, took = self.running.fleet.children(edge)[0].id, list[float]()
        self.running.kill(CLOUD)
        with ThreadPoolExecutor(2) as both:
            for _ in range(starts):
                self.running.kill(edge)
                self.running.kill(device)
                began_s = time.monotonic()
                beside = both.submit(self.running.start, edge)
                self.running.start(device)
                with AdminClient(self.running.folder / device) as client:
                    client.infer(np.zeros(FEATURES, np.float32))
                took.append(time.monotonic() - began_s)
                beside.result()
        self.running.start(CLOUD)
        return took


def children(pid: int) -> list[int]:
    """Processes that a process has started, as the system tells them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def setup(made: Fleet, **more: Any) -> Setup:
    """A project small enough to train in seconds."""
    sources = {str(node.id): resolve(PROJECT).streams(node.id) for node in made.at(Zone.DEVICE)}
    return Setup(made, Policy(kept_samples=ALL_KEPT, **more), PROJECT, sources)
