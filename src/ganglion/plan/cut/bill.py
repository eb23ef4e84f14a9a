"""What one way to lay a chain over places takes, item by item: each host's work, each link's bytes and delays."""

from __future__ import annotations

from itertools import pairwise

from .chain import Chain
from .items import AtHost, Bill, Figures, OnLink
from .places import Places

Way = tuple[int, tuple[int, ...], tuple[int, ...]]  # setting; segments done at each link; wire on each link


def bill(chain: Chain, places: Places, way: Way) -> Bill:
    """The parts of one way; their sums are what `Table` has in its columns, found the other way round."""
    setting, cut, _ = way
    ends = (0, *cut, len(chain.boundaries))
    links = tuple(_link(chain, places, way, link) for link in range(len(cut)))
    hosts = []
    for k, host in enumerate(places.hosts):
        expected, every = chain.until(host)[setting], chain.until(host, every=True)[0]
        codec_s = links[k].share * links[k].write_s if k < len(links) else 0.0
        codec_s += links[k - 1].share * links[k - 1].read_s if k else 0.0
        first, last = ends[k : k + 2]
        spent = float(expected[last] - expected[first]), float(every[last] - every[first])
        hosts.append(AtHost(str(host.id), (first, last), *spent, codec_s, float(chain.held_bytes[first, last])))
    return Bill(tuple(hosts), links, _figures(chain, places, way, hosts, links))


def _link(chain: Chain, places: Places, way: Way, link: int) -> OnLink:
    setting, cut, wires = way
    between, at, n = places.links[link], cut[link], len(chain.boundaries)
    if at == n:
        return OnLink(between.name, "", None, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    writes, reads = not link or cut[link - 1] < at, (*cut, n)[link + 1] > at
    near, far = places.hosts[link : link + 2]
    size, delay_s = float(chain.sent_bytes[wires[link], at]), between.delay_s + between.jitter_s
    return OnLink(
        between.name,
        chain.boundaries[at],
        chain.wires[wires[link]],
        size,
        float(chain.left[setting, at]),
        float(chain.codec_s[0, wires[link], at]) * near.slowdown if writes else 0.0,
        size / between.up_bytes_s,
        delay_s,
        float(chain.codec_s[1, wires[link], at]) * far.slowdown if reads else 0.0,
        chain.answer_bytes / between.down_bytes_s + delay_s,
    )


def _figures(chain: Chain, places: Places, way: Way, hosts: list[AtHost], links: tuple[OnLink, ...]) -> Figures:
    setting, cut, wires = way
    busy = [one.compute_s + one.codec_s for one in hosts]
    moved = [one.share * (one.bytes + chain.answer_bytes) if one.tensor else 0.0 for one in links]
    radio_j = [a.power.radio_j_byte + b.power.radio_j_byte for a, b in pairwise(places.hosts)]
    per_s, per_byte = places.price_s or (0.0,) * len(busy), places.price_byte or (0.0,) * len(moved)
    drop = chain.drop[min(setting, len(chain.drop) - 1)]
    lost = sum(
        float(drop[wire, one])
        for link, (one, wire) in enumerate(zip(cut, wires, strict=True))
        if links[link].tensor and (not link or cut[link - 1] < one)
    )
    down_s = [
        link.share * chain.answer_bytes / wire.down_bytes_s for link, wire in zip(links, places.links, strict=True)
    ]
    return Figures(
        sum(one.compute_s for one in hosts) + sum(one.share * one.whole_s for one in links),
        sum(one.whole_s for one in hosts) + sum(one.whole_s for one in links),
        _dot(busy, [host.power.busy_w for host in places.hosts]) + _dot(moved, radio_j),
        _dot(busy, per_s) + _dot(moved, per_byte),
        float(chain.accuracy[setting]) - lost,
        max([*busy, *(one.share * one.send_s for one in links), *down_s]),
    )


def _dot(a: list[float], b: list[float] | tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
