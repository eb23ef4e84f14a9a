"""What a node tells Prometheus, on loopback alone: counts, times and states; no sample, no key, no name of a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..core.facts import Answered, Denied, Drifted, Missed
from ..core.label import Zone
from ..flow.presence.messages import Present
from ..flow.round.messages import RoundOver
from .admin_messages import Snapshot

HOST, PATH = "127.0.0.1", "/metrics"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
LABELS = ("model", "version", "tier", "exit")
MODEL = "model"  # every release has this name


class Metrics:
    """Counts facts as they are told, and reads the rest from a snapshot when it is scraped."""

    def __init__(self, version: str, snapshot: Callable[[], Snapshot]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ganglion_inference_requests",
            "Answers to this device's samples.",
            (*LABELS, "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ganglion_inference_request_duration_seconds",
            "From a sample to its answer.",
            LABELS,
            buckets=SECONDS,
            registry=self.registry,
        )
        self._drifts = Counter("ganglion_drift_detected", "Drifts noticed here.", registry=self.registry)
        self._denied = Counter("ganglion_denied", "What a gate refused.", ("gate",), registry=self.registry)
        self._below = Counter("ganglion_presence_news", "News heard of nodes below.", registry=self.registry)
        self._missed = Counter("ganglion_missed_items", "What others gave up of what they had.", registry=self.registry)
        self._rounds = Counter("ganglion_fl_rounds", "Rounds that ended.", ("outcome",), registry=self.registry)
        self._clients = Gauge("ganglion_fl_clients", "Of the last round.", ("state",), registry=self.registry)
        self._early = Gauge("ganglion_early_exit_ratio", "Answered before the cloud, of all.", registry=self.registry)
        self._answered, self._near = 0, 0
        self.registry.register(_State(version, snapshot))

    def hear(self, body: Any) -> None:
        """A fact."""
        match body:
            case Answered(answer, took_s):
                zone = answer.zone.name.lower()
                labels = (MODEL, str(answer.version), zone, str(answer.exit))
                outcome = "failed" if answer.y < 0 else "degraded" if answer.degraded else "ok"
                self._requests.labels(*labels, outcome).inc()
                self._seconds.labels(*labels).observe(took_s)
                self._answered, self._near = self._answered + 1, self._near + (answer.zone is not Zone.CLOUD)
                self._early.set(self._near / self._answered)
            case Drifted():
                self._drifts.inc()
            case Denied(gate):
                self._denied.labels(gate).inc()
            case Present():
                self._below.inc()
            case Missed(items=items):
                self._missed.inc(items)
            case RoundOver():
                self._rounds.labels("failed" if body.why else "ok").inc()
                self._clients.labels("counted").set(len(body.counted))
                self._clients.labels("owing").set(len(body.owing))

    async def answer(self, request: web.Request) -> web.Response:
        """The page that Prometheus reads."""
        return self.response(self.page())

    def page(self) -> bytes:
        """The same as bytes, of one moment."""
        return generate_latest(self.registry)

    @staticmethod
    def response(page: bytes) -> web.Response:
        """As Prometheus wants to be answered."""
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def start(self, port: int) -> web.AppRunner:
        """Listens on loopback; whoever calls cleans the runner up. Raises OSError where the port is taken."""
        app = web.Application()
        app.router.add_get(PATH, self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        return runner


class _State(Collector):
    """What is read at the moment of a scrape."""

    def __init__(self, version: str, snapshot: Callable[[], Snapshot]) -> None:
        self._version = version
        self._snapshot = snapshot

    def describe(self) -> list[Metric]:
        """Nothing: to name them it would have to take a snapshot before the node has begun."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One consistent snapshot as metrics."""
        seen = self._snapshot()
        status, usage = seen.status, seen.status.usage
        build = GaugeMetricFamily("ganglion_build_info", "Always 1.", labels=("version", "zone"))
        build.add_metric((self._version, status.zone), 1.0)
        yield build
        single = (
            ("release_info", "Release that this node answers with.", status.release),
            ("release_floor", "No release below comes any more.", status.floor),
            ("release_trying", "Release on trial or probation; 0 = none.", status.trying),
            ("uptime_seconds", "Since this process began.", status.uptime_s),
            ("outbox_waiting", "Parcels promised and not acknowledged.", status.waiting),
            ("resident_memory_bytes", "Of the node's processes.", usage.rss_bytes),
        )
        for name, text, value in single:
            yield GaugeMetricFamily(f"ganglion_{name}", text, value=float(value))
        yield CounterMetricFamily("ganglion_cpu_seconds", "Of the node's processes.", value=usage.cpu_s)
        yield CounterMetricFamily("ganglion_errors_logged", "Since this process began.", value=float(status.errors))
        energy = CounterMetricFamily("ganglion_energy_joules", "Used.", labels=("source",))
        energy.add_metric((usage.energy_source,), usage.energy_j)
        yield energy
        yield from _links(seen)
        yield from _rollouts(seen)


def _links(seen: Snapshot) -> Iterator[Metric]:
    up = GaugeMetricFamily("ganglion_links", "Links to neighbours.", labels=("state",))
    for state in (True, False):
        up.add_metric(("up" if state else "down",), float(sum(link.up is state for link in seen.status.links)))
    yield up
    spent = GaugeMetricFamily("ganglion_privacy_epsilon", "Declassified so far.", labels=("policy",))
    for policy, epsilon in seen.spent:
        spent.add_metric((policy,), epsilon)
    yield spent
    disk = GaugeMetricFamily("ganglion_disk_bytes", "By class of data.", labels=("kind",))
    for kind, size_bytes in seen.models.disk:
        disk.add_metric((kind,), float(size_bytes))
    yield disk


def _rollouts(seen: Snapshot) -> Iterator[Metric]:
    devices = GaugeMetricFamily(
        "ganglion_rollout_devices", "Sites by what they said last.", labels=("rollout", "group", "state")
    )
    for row in seen.rollouts.rows:
        states = dict(row.states)
        for name, ring in zip(row.names, row.rings, strict=True):
            said = [states.get(node, "unreached") for node in ring]
            for state in sorted(set(said)):
                devices.add_metric((str(row.counter), name, state), float(said.count(state)))
    yield devices
