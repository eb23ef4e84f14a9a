"""What every way of a table takes: seconds, joules, money, accuracy, and the seconds of its busiest machine or link."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise

import numpy as np

from ...core.probability import Floats
from .table import Table


def latency_s(table: Table) -> Floats:
    """Expected seconds until the answer is back."""
    spent = table.per_cut(sum_of([host_s(table, k) for k in range(len(table.places.hosts))]))
    return sum_of([spent, *(table.often(link) * cost for link, cost in enumerate(table.crossing_s))])


def tail_s(table: Table) -> Floats:
    """Seconds of a request that takes no early exit."""
    if not table.chain.exits_early:
        return column(table, "latency_s")
    spent = table.per_cut(sum_of([host_s(table, k, True) for k in range(len(table.places.hosts))]))
    return sum_of([spent, *table.crossing_s])


def energy_j(table: Table) -> Floats:
    """Expected joules above idle: watts while busy, and what radios take per byte at both ends."""
    hosts, answer = table.places.hosts, table.chain.answer_bytes
    parts = [table.per_cut(sum_of([host.power.busy_w * host_s(table, k) for k, host in enumerate(hosts)]))]
    for link, (near, far) in enumerate(pairwise(hosts)):
        write, read = table.codec_s(link)
        radio_j = (table.chain.sent_bytes + answer) * (near.power.radio_j_byte + far.power.radio_j_byte)
        cost = table.crossing(link, radio_j, near.power.busy_w * write, far.power.busy_w * read)
        parts.append(table.often(link) * cost)
    return sum_of(parts)


def price(table: Table) -> Floats:
    """Expected money: per busy second and per byte."""
    per_s = table.places.price_s or (0.0,) * len(table.places.hosts)
    per_byte = table.places.price_byte or (0.0,) * len(table.places.links)
    parts = [table.per_cut(sum_of([money * host_s(table, k) for k, money in enumerate(per_s)]))]
    for link, money in enumerate(per_byte):
        write, read = table.codec_s(link)
        sent = (table.chain.sent_bytes + table.chain.answer_bytes) * money
        parts.append(table.often(link) * table.crossing(link, sent, per_s[link] * write, per_s[link + 1] * read))
    return sum_of(parts)


def accuracy(table: Table) -> Floats:
    """Accuracy of the setting, less what each writing of a tensor loses."""
    none, chain, links = np.zeros_like(table.chain.sent_bytes), table.chain, range(len(table.places.links))
    return sum_of(
        [table.per_cut(chain.accuracy[:, None]), *(table.crossing(k, none, -chain.drop, none) for k in links)]
    )


def period_s(table: Table) -> Floats:
    """Expected busy seconds per request of whatever is busiest: requests can follow each other so fast."""
    none = np.zeros_like(table.chain.sent_bytes)
    busy = [table.per_cut(host_s(table, k)) for k in range(len(table.places.hosts))]
    wires: list[Floats] = []
    for link, wire in enumerate(table.places.links):
        (write, read), often = table.codec_s(link), table.often(link)
        busy[link] = busy[link] + often * table.crossing(link, none, write, none)
        busy[link + 1] = busy[link + 1] + often * table.crossing(link, none, none, read)
        wires.append(often * table.crossing(link, table.chain.sent_bytes / wire.up_bytes_s, none, none))
        wires.append(often * (table.chain.answer_bytes / wire.down_bytes_s))
    return reduce(np.maximum, [*busy, *wires])


def host_s(table: Table, host: int, every: bool = False) -> Floats:
    """Expected seconds of segments at a host, without reading and writing tensors: [settings or 1, cuts]."""
    until = table.chain.until(table.places.hosts[host], every)
    return np.asarray(until.take(table.cuts[:, host + 1], axis=1) - until.take(table.cuts[:, host], axis=1))


def sum_of(parts: list[Floats]) -> Floats:
    """The sum, broadcast, of parts of a column."""
    return reduce(np.add, parts)


COLUMNS: dict[str, Callable[[Table], Floats]] = {
    "latency_s": latency_s,
    "tail_s": tail_s,
    "energy_j": energy_j,
    "price": price,
    "accuracy": accuracy,
    "period_s": period_s,
}


def column(table: Table, name: str) -> Floats:
    """A column by name, made once per table."""
    if name not in table.made:
        table.made[name] = COLUMNS[name](table)
    return table.made[name]
