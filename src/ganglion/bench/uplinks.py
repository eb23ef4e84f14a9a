"""DADS' four uplinks on its five networks: what a split gains over either end alone, paper-style and fair.

Composed from stages measured here and links as declared; a few cells are checked end to end. Paper-style means float32
tensors on the link, cloud-only's picture too; fair means 8 bits per number, pixels as bytes, and a JPEG beside.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from ..core.cut import Cut
from ..core.fleet import Link
from ..core.model import Model
from ..core.probability import Floats
from ..engine.profiles import node_class
from ..plan.cut import Chain, Limits, Split, neurosurgeon, split
from . import oracle
from .kept import Kept
from .networks import FULL, NARROW, network
from .oracle_cells import Race, split_regret
from .oracle_live import Device, link_of, testbed
from .oracle_pictures import sources
from .oracle_stages import Staged, composed, halves, stage
from .oracle_ways import arm_of, dads_cut, jpeg_bytes, places, plan, predicted
from .oracle_wire import Arm
from .uplinks_rows import Result, gains, slow_downs

NETWORKS, QUICK_NETWORKS = ("nin", "tinyyolov2", "vgg16", "alexnet", "resnet18"), ("nin", "resnet18")
UPLINKS, QUICK_UPLINKS = (0.13, 1.1, 5.85, 18.88), (1.1, 18.88)  # Mbit/s: CAT1, 3G, 4G, Wi-Fi
READS = (
    *oracle.READS,
    *(f"bench/oracle_{part}.py" for part in ("cells", "live", "pictures", "stages", "ways", "wire")),
)
CHECKED = ("alexnet", "resnet18")  # networks of which two cells are also run end to end
TURNS, QUICK_TURNS, LIVE_TURNS = 6, 4, 5
SLOW = "raspberry-pi-4"  # the class of machine whose declared rates give the device's seconds
MOST_REGRET, QUICK_RATIO = 0.01, 1.25
DADS_RESNET18 = {  # split over device-only, and how much less it takes than cloud-only
    0.13: "DADS: x1.46 of device, -64 % of cloud",
    1.1: "DADS: x4.14 of device, -26 % of cloud",
    5.85: "DADS: x7.23 of device, -7 % of cloud",
    18.88: "DADS: x8.32 of device, 0 % of cloud",
}
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True, eq=False)
class Uplink:
    """One network over one uplink. Seconds by name of a way."""

    network: str
    rate: float  # Mbit/s
    slow: float
    plan: Split
    fair: dict[str, float]
    paper: dict[str, float]
    best: float  # of all cuts and wires
    regret: float

    def record(self) -> Result:
        """What is kept of it."""
        return {
            "row": self._row(), "slow": self.slow, "fair": self.fair, "paper": self.paper, "regret": self.regret
        }  # fmt: skip

    def _row(self) -> Result:
        """As printed: milliseconds."""
        told = {f"{name}_ms": round(1e3 * seconds, 1) for name, seconds in self.fair.items()}
        told |= {f"f32_{name}_ms": round(1e3 * seconds, 1) for name, seconds in self.paper.items()}
        at = f"{self.plan.tensors[0]} {self.plan.wires[0].codec}" if self.plan.wires[0] else "device"
        head = {"what": f"{self.network}, {self.rate:g} Mbit/s", "slow": round(self.slow, 1), "plan": at, **told}
        told = {"best_ms": round(1e3 * self.best, 1), "regret_pct": round(100 * self.regret, 2)}
        return {**head, **told, "published": DADS_RESNET18[self.rate] if self.network == "resnet18" else ""}


def run(quick: bool, seed: int) -> Result:
    """A row per network and uplink, then the gains beside what was published, and cells end to end.

    Quick: two narrow networks at two uplinks, and ratios only. Otherwise a network that was measured before with this
    code and seed is not measured again.
    """
    kept = None if quick else Kept("uplinks", seed, READS)
    found: list[Result] = []
    lived: list[Result] = []
    for name in QUICK_NETWORKS if quick else NETWORKS:
        one = (kept and kept.get(name)) or _network(name, quick, seed)
        if kept is not None:
            kept.put(name, one)
        found += one["cells"]
        lived += one["live"]
    rows = [*(_bar(one, quick) for one in found), *gains(found), *lived, slow_downs(found, SLOW)]
    rows += [] if quick else sources(seed)
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _network(name: str, quick: bool, seed: int) -> Result:
    log.info("%s: capturing and measuring its stages", name)
    made = network(name).capture(NARROW if quick else FULL, seed, fixed=True)
    net = stage(name, made, seed, QUICK_TURNS if quick else TURNS)
    slow = slowdown(made.model, float(net.chain.seconds.sum()))
    cells = []
    for rate in QUICK_UPLINKS if quick else UPLINKS:
        cells.append(_uplink(net, slow, rate, seed).record())
        log.info("%s, %g Mbit/s: regret %.2f %%", name, rate, 100 * cells[-1]["regret"])
    return {"cells": cells, "live": _live(net, slow, seed) if not quick and name in CHECKED else []}


def slowdown(model: Model, here_s: float) -> float:
    """How many times longer a model takes on the declared class of device than it was measured to take here."""
    return sum(node_class(SLOW).rates.seconds(model)) / here_s


def _uplink(net: Staged, slow: float, rate: float, seed: int) -> Uplink:
    link, chain, turns = link_of(rate), net.chain, net.halves.shape[2]
    tables = np.stack([composed(chain, net.halves[:, :, turn], slow, link) for turn in range(turns)], axis=-1)
    table, found = np.median(tables, axis=-1), plan(net, slow, link)
    ours = _row_of(chain, found), found.cut[0]
    seconds: dict[tuple[int, ...], Floats] = {at: tables[at] for at in np.ndindex(*table.shape)}
    best = float(table.min())
    answer_s = chain.answer_bytes / link.down_bytes_s
    fair = {
        "plan": float(table[ours]),
        "device": float(table[0, -1]),
        "cloud_u8": float(table[0, 0]),
        "cloud_jpeg": float(np.median(net.halves[1, 0])) + jpeg_bytes(net, seed) / link.up_bytes_s + answer_s,
        "neurosurgeon": _of(chain, neurosurgeon(chain, predicted(net), places(slow, link), Limits()), table),
        "dads": _dads(net, slow, link, (table, 0), seed),
    }
    return Uplink(
        net.name, rate, slow, found, fair, _paper(net, slow, link, table, seed), best, split_regret(seconds, ours)
    )


def _paper(net: Staged, slow: float, link: Link, table: Floats, seed: int) -> dict[str, float]:
    """What float32 tensors alone allow."""
    plain, row = float32_only(net.chain), places(slow, link)
    own = table[1:]
    return {
        "plan": _of(plain, split([plain], row, Limits()), own),
        "cloud": float(own[0, 0]),
        "neurosurgeon": _of(plain, neurosurgeon(plain, predicted(net), row, Limits()), own),
        "dads": _dads(net, slow, link, (table, 1), seed),
    }


def float32_only(chain: Chain) -> Chain:
    """The chain with tensors as they are."""
    raw = slice(1, 2)
    return replace(
        chain,
        wires=chain.wires[raw],
        wire_bytes=chain.wire_bytes[raw],
        codec_s=chain.codec_s[:, raw],
        drop=chain.drop[:, raw],
    )


def _of(chain: Chain, found: Split, table: Floats) -> float:
    return float(table[_row_of(chain, found), found.cut[0]])


def _row_of(chain: Chain, found: Split) -> int:
    return chain.wires.index(found.wires[0]) if found.wires[0] else 0


def _dads(net: Staged, slow: float, link: Link, at: tuple[Floats, int], seed: int) -> float:
    """Seconds of DADS' cut, in the row of one wire; one that no single tensor makes is measured for itself."""
    table, row = at
    cut = dads_cut(net, slow, link, (1, 4)[row])
    if cut in net.cuts:
        return float(table[row, net.cuts.index(cut)])
    front_s, back_s = np.median(halves(net.made, [cut], seed, QUICK_TURNS), axis=2)[:, 0]
    crossing_s = crossing_bytes(net.made.model, cut) * (0.25, 1.0)[row] / link.up_bytes_s
    return float(slow * front_s + back_s + crossing_s + net.chain.answer_bytes / link.down_bytes_s)


def crossing_bytes(model: Model, cut: Cut) -> float:
    """Of all tensors that cross, as float32."""
    sizes = dict(zip(model.inputs, model.input_bytes, strict=True))
    sizes |= {kernel.name: kernel.out_bytes for kernel in model.kernels}
    return float(sum(sizes[name] for name in cut.crossing(model, 0)))


def _bar(one: Result, quick: bool) -> Result:
    if quick:  # a busy machine's narrow networks: only that the plan is no worse than either end
        ratio = one["fair"]["plan"] / min(one["fair"]["device"], one["fair"]["cloud_u8"])
        return {**one["row"], "bar": f"plan <= {QUICK_RATIO:g} of either end", "ok": ratio <= QUICK_RATIO}
    return {**one["row"], "bar": f"regret <= {100 * MOST_REGRET:g} %", "ok": one["regret"] <= MOST_REGRET}


def _live(net: Staged, slow: float, seed: int) -> list[Result]:
    """The plan and cloud-only over the two faster uplinks, end to end."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="ganglion-uplinks-") as name, testbed(UPLINKS[2:], Path(name), seed) as bed:
        device = Device(net.made, bed.folder / net.name, seed)
        for rate, port in bed.ports.items():
            with device.connected(port):
                fitted = device.fit(link_of(rate))
                table = composed(net.chain, np.median(net.halves, axis=2), slow, fitted)
                found = plan(net, slow, fitted)
                ways = {"plan": (arm_of(net, found), _of(net.chain, found, table))}
                ways["cloud_u8"] = Arm(net.cuts[0], "u8"), float(table[0, 0])
                race = Race(device, net, slow)
                race.turns([arm for arm, _ in ways.values()], LIVE_TURNS, seed)
            for way, (arm, expected_s) in ways.items():
                live_s = median(race.seconds[arm])
                told = {"composed_ms": round(1e3 * expected_s, 1), "live_ms": round(1e3 * live_s, 1)}
                what = f"{net.name}, {rate:g} Mbit/s, {way}: end to end against composed"
                rows.append({"what": what, **told, "error_pct": round(100 * (live_s / expected_s - 1.0), 1)})
    return rows
