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
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from ..core.errors import GanglionError, NotFound
from ..core.facts import Answered, Hard
from ..core.fleet import Fleet, NodeId
from ..core.label import Tier, Zone
from ..core.ref import Ref
from ..core.rng import stream
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
AWAY_S, BETWEEN_S = 0.2, 0.5
IN_TURN = ("edge", "link", "cloud", "device", "silence")  # one at a time: how long each takes to come back from
AT_ONCE = ("link", "edge", "silence", "device")  # at every site, whatever happens at the others
CUTS = ("link", "silence")
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
    """A running fleet, its sources, and how long it took to come back from each fault that came alone."""

    running: LiveFleet
    sources: list[Source]
    back_s: dict[str, list[float]] = field(default_factory=dict)
    jobs: list[JobOver] = field(default_factory=list)  # how those ended whose worker was killed
    faults: list[str] = field(default_factory=list)  # every kind, as it came

    @property
    def edges(self) -> tuple[NodeId, ...]:
        """Of the fleet."""
        return tuple(node.id for node in self.running.fleet.at(Zone.EDGE))

    def in_turn(self, faults: int, chance: Generator) -> None:
        """One fault after the other, at any site; each has the fleet to itself."""
        for number, kind in zip(range(faults), cycle(IN_TURN), strict=False):
            log.info("fault %d of %d: %s", number + 1, faults, kind)
            self.running.rest(BETWEEN_S * (0.5 + float(chance.random())))
            took_s = self.fault(kind, self.edges[int(chance.integers(len(self.edges)))], 1 + number % 3)
            self.back_s.setdefault(kind, []).append(took_s)

    def at_once(self, faults: int, seed: int) -> None:
        """So many faults at the sites, at all of them at the same time; the cloud is killed among them."""
        log.info("%d faults at %d sites at once", faults, len(self.edges))
        each = [faults // len(self.edges) + (place < faults % len(self.edges)) for place in range(len(self.edges))]
        with ThreadPoolExecutor(len(self.edges)) as sites:
            told = [
                sites.submit(self._at_site, edge, count, stream(seed, "site", edge))
                for edge, count in zip(self.edges, each, strict=True)
            ]
            while not all(future.done() for future in told):
                self.running.rest(10 * BETWEEN_S)
                self.fault("cloud", self.edges[0], 1)
            for future in told:
                future.result()

    def _at_site(self, edge: NodeId, faults: int, chance: Generator) -> None:
        for _, kind in zip(range(faults), cycle(AT_ONCE), strict=False):
            self.running.rest(BETWEEN_S * (0.5 + float(chance.random())))
            self.fault(kind, edge, 1 + int(chance.integers(3)))

    def kill_workers(self, times: int) -> None:
        """Of jobs, each a little later than the one before."""
        for number in range(times):
            self.faults.append("worker")
            self.jobs.append(self.job(kill_after_s=1.0 + 0.5 * (number % 4)))

    def fault(self, kind: str, edge: NodeId, length: int) -> float:
        """One fault of a kind at a site or the cloud, so long; seconds of the way back from it."""
        device = self.running.fleet.children(edge)[0].id
        self.faults.append(kind)
        if kind in CUTS:
            self.running.cut(edge, reset=kind == "link")
            self.running.rest(AWAY_S * length)
            return self._back(lambda: self.running.mend(edge), device)
        victim = {"edge": edge, "cloud": CLOUD, "device": device}[kind]
        self.running.kill(victim)
        self.running.rest(AWAY_S)
        return self._back(lambda: self.running.start(victim), device)

    def _back(self, mend: Callable[[], None], device: NodeId) -> float:
        """From the moment that it is mended to the first of the site's samples at the cloud."""
        began_s, since = self.running.now_s(), len(self.running.facts)
        mend()

        def arrived(node: NodeId, body: Any) -> bool:
            return node == CLOUD and isinstance(body, Delivered) and body.sample.startswith(f"{device}/")

        self.running.wait(arrived, PATIENCE_S, since)
        return self.running.now_s() - began_s

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
        """Seconds from the start of the processes of an edge and its device to an answer, while there is no cloud.

        As after a reboot: each begins as a new Python that has imported nothing.
        """
        edge = self.edges[0]
        device, took = self.running.fleet.children(edge)[0].id, list[float]()
        self.running.kill(CLOUD)
        with ThreadPoolExecutor(2) as both:
            for _ in range(starts):
                self.running.kill(edge)
                self.running.kill(device)
                began_s = time.monotonic()
                beside = both.submit(self.running.start, edge, True)
                self.running.start(device, cold=True)
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
