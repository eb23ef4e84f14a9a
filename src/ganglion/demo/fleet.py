"""The demo's fleet: one cloud, two edges, four devices, over declared links."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ConfigError, NotFound
from ..core.fleet import Fleet, Link, Node, NodeId, Power
from ..core.label import Zone

CLOUD = NodeId("cloud")
EDGES = (NodeId("edge-a"), NodeId("edge-b"))
DEVICES = {EDGES[0]: (NodeId("a1"), NodeId("a2")), EDGES[1]: (NodeId("b1"), NodeId("b2"))}
DRIFTED, CLEAN = EDGES  # site A's world changes, site B's does not
MEMORY_BYTES = {  # declared per data set: a device holds the first exit alone, an edge two, the cloud the last
    "digits": (16_000, 32_000),
    "mnist": (18_000, 36_000),
    "cifar10": (48_000, 96_000),
}
DEVICE_SLOWDOWN = 8.0  # declared: how much slower than this machine a device computes

WIFI = Link("wifi", up_bytes_s=2.5e6, down_bytes_s=5e6, delay_s=0.003, jitter_s=0.0008)
LTE = Link("lte", up_bytes_s=1.25e6, down_bytes_s=5e6, delay_s=0.040, jitter_s=0.004)


def demo_fleet(data: str = "digits", trace: Path | None = None) -> Fleet:
    """Seven nodes; the edge-cloud links follow a trace of measured throughput if one is given."""
    device_memory_bytes, edge_memory_bytes = MEMORY_BYTES[data]
    mobile = LTE if trace is None else traced(trace)
    device_power, edge_power = Power(busy_w=0.5, radio_j_byte=2e-7), Power(busy_w=4.0, radio_j_byte=1e-6)
    nodes = [Node(CLOUD, Zone.CLOUD, power=Power(busy_w=60.0))]
    links: list[tuple[NodeId, Link]] = []
    for edge in EDGES:
        nodes.append(Node(edge, Zone.EDGE, CLOUD, memory_bytes=edge_memory_bytes, power=edge_power))
        links.append((edge, mobile))
        for device in DEVICES[edge]:
            nodes.append(Node(device, Zone.DEVICE, edge, DEVICE_SLOWDOWN, device_memory_bytes, device_power))
            links.append((device, WIFI))
    return Fleet(tuple(nodes), tuple(links))


def traced(path: Path) -> Link:
    """The mobile link with the uplink rate of a throughput trace: lines of `seconds megabits_per_second`.

    Published traces are of downlinks; using one as an uplink is an assumption, and the report says so.
    """
    if not path.is_file():
        raise NotFound(f"no trace at {path}; give a file of `seconds megabits_per_second` lines")
    rows: list[tuple[float, float]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        parts = line.replace(",", " ").split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            rows.append((float(parts[0]), max(float(parts[1]), 0.01) * 1e6 / 8))
        except (ValueError, IndexError):
            raise ConfigError(f"{path}:{number}: {line!r} is not `seconds megabits_per_second`") from None
    if not rows:
        raise ConfigError(f"trace {path} is empty; give a file of `seconds megabits_per_second` lines")
    start_s = rows[0][0]
    shifted = tuple((at_s - start_s, rate) for at_s, rate in rows)
    mean = sum(rate for _, rate in shifted) / len(shifted)
    return Link(f"trace {path.name}", mean, LTE.down_bytes_s, LTE.delay_s, LTE.jitter_s, trace=shifted)
