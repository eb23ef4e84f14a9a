"""Every way to lay a chain over places, as one array: settings x how a tensor is written on each link x cuts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from ...core.errors import ConfigError
from ...core.fleet import Node
from ...core.label import Form, Label, Tier
from ...core.probability import Bools, Floats
from .chain import Chain
from .graph import Ints
from .places import Places, may_pass
from .rows import Rows, rows_of, spread

MOST = 20_000_000  # ways that are priced at once; a few hundred megabytes


@dataclass(frozen=True, eq=False)
class Table:
    """A column is [settings, wires on the first link, on the second, …, cuts]; its parts may be broadcast to that.

    `possible` says which ways can be. A host that only passes a tensor on neither reads nor writes it anew. A tensor
    crosses as often as requests are left at the cut. Nothing queues.
    """

    chain: Chain
    places: Places
    tier: Tier = Tier.PUBLIC
    whole: bool = False  # all segments at one host
    made: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)  # columns so far

    def __post_init__(self) -> None:
        links, n = len(self.places.links), len(self.chain.boundaries)
        cells = float(len(self.chain.thresholds)) * len(self.chain.wires) ** links
        for step in range(links):
            cells *= (n + links - step) / (step + 1)
        if cells > MOST:
            raise ConfigError(f"{cells:.3g} ways are too many to try; offer fewer cuts or wires, or use min_cut")

    @cached_property
    def rows(self) -> Rows:
        """The cuts, with what is at each link."""
        return rows_of(len(self.chain.boundaries), len(self.places.hosts), self.whole)

    @property
    def cuts(self) -> Ints:
        """First and past-the-last segment of each host, nearest cuts first: [cuts, hosts + 1]."""
        return self.rows.cuts

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a whole column."""
        return len(self.chain.thresholds), *[len(self.chain.wires)] * len(self.places.links), len(self.cuts)

    @property
    def possible(self) -> Bools:
        """Privacy, memory, what can be written so; equal ways only once: [wires, …, cuts]."""
        return _possible(self.chain, self.places.hosts, self.tier, self.whole)

    @cached_property
    def crossing_s(self) -> list[Floats]:
        """Seconds that a request takes longer if it crosses each link, its answer's way back included."""
        seconds = []
        for link, wire in enumerate(self.places.links):
            ends_s = 2 * (wire.delay_s + wire.jitter_s) + self.chain.answer_bytes / wire.down_bytes_s
            seconds.append(self.crossing(link, self.chain.sent_bytes / wire.up_bytes_s + ends_s, *self.codec_s(link)))
        return seconds

    def codec_s(self, link: int) -> tuple[Floats, Floats]:
        """Seconds to write at the near end of a link and to read at its far end: [wires, segments] each."""
        near, far = self.places.hosts[link : link + 2]
        return self.chain.codec_s[0] * near.slowdown, self.chain.codec_s[1] * far.slowdown

    def crossing(self, link: int, sent: Floats, write: Floats, read: Floats) -> Floats:
        """What crossing a link costs, given tables [..., wires, segments]: a column's shape, with settings or 1."""
        rows = self.rows
        at, new, old = rows.at[link], rows.unwritten[link], rows.unread[link]
        cost = (sent + write + read).take(at, axis=-1)
        cost[..., new] = (sent + read).take(at[new], axis=-1)
        cost[..., old] = (sent + write).take(at[old], axis=-1)
        cost[..., rows.passed[link]] = sent.take(at[rows.passed[link]], axis=-1)
        cost[..., rows.stays[link]] = 0.0
        return spread(cost if cost.ndim > 2 else cost[None], link, len(self.places.links))

    def often(self, link: int) -> Floats:
        """Share of requests that cross a link: a column's shape."""
        return self.per_cut(self.chain.left.take(self.cuts[:, link + 1], axis=1))

    def per_cut(self, values: Floats) -> Floats:
        """[settings or 1, cuts] in a column's shape."""
        return values.reshape(len(values), *[1] * len(self.places.links), -1)


@lru_cache(maxsize=16)  # the same until the model, its hosts or the samples' tier change
def _possible(chain: Chain, hosts: tuple[Node, ...], tier: Tier, whole: bool) -> Bools:
    n, wires, links = len(chain.boundaries), len(chain.wires), len(hosts) - 1
    rows = rows_of(n, len(hosts), whole)
    kept = np.ones((*[wires] * links, len(rows.cuts)), np.bool_)
    for link in range(links):
        raw, made = (may_pass(hosts, Label(tier, form), link) for form in (Form.RAW, Form.FEATURE))
        can = np.zeros((wires, n + 1), np.bool_)
        can[:, :n] = chain.finite & np.where(np.arange(n) > 0, made, raw)
        can[0, n] = True  # nothing is sent: call it the first wire
        kept &= spread(can[:, rows.cuts[:, link + 1]], link, links)
        if link:  # who only passes a tensor on passes it on as it is
            pairs = kept.reshape(-1, *kept.shape[link - 1 :])
            for near, far in zip(*np.nonzero(~np.eye(wires, dtype=np.bool_)), strict=True):
                pairs[:, near, far][..., rows.unwritten[link]] = False
    for k, host in enumerate(hosts):
        if host.memory_bytes is not None:
            kept &= chain.held_bytes[rows.cuts[:, k], rows.cuts[:, k + 1]] <= host.memory_bytes
    return kept
