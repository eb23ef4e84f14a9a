"""Roll-outs in both worlds: every way they can end, power cuts at every phase, false alarms, a hundred swaps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ..core.binomial import clopper_pearson
from ..core.facts import Activated, Arrived
from ..core.rng import stream
from ..flow.rollout.revert import Revert
from . import rollout_live
from .rollout_cases import CASES, CUTS, MISSED, Case, ends, inputs_to_return
from .rollout_fleet import CLOUD, RATE_HZ, SETTLE_S, rules
from .rollout_sim import EDGES, world

SEEDS, ALARM_SEEDS, RANDOM_CUTS, SWAPS = 10, 40, 200, 100
LIMIT_INPUTS = 500
LOOKS = 3
LOAD_HZ = 50.0  # of each device, while releases are swapped
TOLERANT = 0.1
QUICK_CUTS = tuple(CUTS[place] for place in (3, 6, 8, 10, 12))
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """Every case; `quick` plays each once in the simulator, looks for false alarms in a seed, swaps with less load."""
    seeds = [seed + turn for turn in range(1 if quick else SEEDS)]
    rows = [_simulated(case, seeds) for case in (*CASES, *(QUICK_CUTS if quick else CUTS))]
    rows += [] if quick else [_live(case, seed) for case in (*CASES, *CUTS)]
    if not quick:
        rows.append(_random_cuts(seed))
    rows.append(_inputs(seeds))
    alarm_seeds = [seed + turn for turn in range(1 if quick else ALARM_SEEDS)]
    for error in (TOLERANT,) if quick else (0.0, TOLERANT):
        rows += [_alarms(kind, error, alarm_seeds, quick) for kind in ("alike", "better", "local")]
    rows.append(swaps(seed, SWAPS, RATE_HZ if quick else LOAD_HZ))
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _simulated(case: Case, seeds: Sequence[int]) -> Result:
    log.info("%s, simulated", case.what)
    found = ((one, list(case.play(world(one, first=case.first)))) for one in seeds)
    wrong = [f"seed {one}: {'; '.join(faults)}" for one, faults in found if faults]
    why = " | ".join(wrong[:3])
    return {
        "what": case.what,
        "runs": len(seeds),
        "held": len(seeds) - len(wrong),
        "bar": "all",
        "ok": not wrong,
        "why": why,
    }


def _live(case: Case, seed: int) -> Result:
    """Once, with processes; a phase too short to be met by whoever looks from outside is looked for a few times."""
    log.info("%s, live", case.what)
    what = f"live: {case.what}"
    if case.only_sim:
        return {"what": what, "runs": 0, "why": f"not played: {case.only_sim}"}
    wrong = list[str]()
    for turn in range(LOOKS):
        with rollout_live.world(seed + turn, case.first) as story:
            wrong = list(case.play(story))
        if not any(MISSED in one for one in wrong):
            break
    else:
        return {"what": what, "runs": 0, "why": f"not played: {wrong[0]}, {LOOKS} times"}
    return {"what": what, "runs": 1, "held": int(not wrong), "bar": "all", "ok": not wrong, "why": "; ".join(wrong)}


def _random_cuts(seed: int) -> Result:
    """Of any node, at any moment of a roll-out; however it ends, it ends the same way everywhere."""
    wrong: list[str] = []
    for number in range(RANDOM_CUTS):
        story, chance = world(seed + number), stream(seed, "power cut", number)
        nodes = (CLOUD, *story.edges, *story.devices)
        victim = nodes[int(chance.integers(len(nodes)))]
        story.begin(2, "better", rules(error=TOLERANT))
        story.world.rest(float(chance.uniform(2.0, 30.0)))
        story.kill(victim)
        story.world.rest(float(chance.exponential(1.0)))
        story.start(victim)
        story.until(lambda told=story: told.over(2) is not None, SETTLE_S)  # type: ignore[misc]
        over = story.over(2)
        kept = over is not None and over.kept
        found = [fault for fault in ends(story, 2, kept, 2 if kept else 1) if not _tolerated(fault)]
        wrong += [f"{number}, {victim}: {'; '.join(found)}"] if found or over is None else []
    held = RANDOM_CUTS - len(wrong)
    what = "power cut of any node at any moment"
    return {
        "what": what,
        "runs": RANDOM_CUTS,
        "held": held,
        "bar": "all",
        "ok": not wrong,
        "why": " | ".join(wrong[:3]),
    }


def _tolerated(fault: str) -> bool:
    """A site that said no keeps what it had, and the rule let the others go on."""
    return fault.startswith(("nodes answer with [1, 2]", "floors are [1, 2]"))


def _inputs(seeds: Sequence[int]) -> Result:
    found = [inputs_to_return(world(seed)) for seed in seeds]
    ok = min(found) >= 0 and max(found) <= LIMIT_INPUTS
    bar = f"<= {LIMIT_INPUTS} in each run"
    return {
        "what": "labels swapped, live at once: inputs until back",
        "runs": len(found),
        "most": max(found),
        "bar": bar,
        "ok": ok,
    }


def _alarms(kind: str, error: float, seeds: Sequence[int], quick: bool) -> Result:
    """How often a good release comes back, and how many sites kept what they had when it did not."""
    back, kept_old = 0, 0
    for seed in seeds:
        story = world(seed, EDGES[seed % len(EDGES)] if kind == "local" else None)
        kept = story.release(2, kind, rules(error=error))
        story.until(story.settled, SETTLE_S)
        back += not kept
        kept_old += sum(story.install(edge).current != 2 for edge in story.edges) if kept else 0
    low, high = clopper_pearson(back, len(seeds))
    what = f"good release ({kind}) comes back, {error:g} of sites may say no"
    bar = {} if quick or not error else {"bar": "<= 0.1", "ok": back / len(seeds) <= 0.1}
    return {
        "what": what,
        "runs": len(seeds),
        "share": back / len(seeds),
        "low": low,
        "high": high,
        "sites kept old": kept_old,
        **bar,
    }


def swaps(seed: int, count: int, load_hz: float) -> Result:
    """Two releases in turn at every node, by roll-out, until each edge has swapped `count` / sites times."""
    story, number = world(seed), 2
    story.sense(rate_hz=load_hz)
    began_s = story.world.now_s()

    def swapped() -> int:
        return sum(at_s > began_s for at_s, node, _ in story.told(Activated) if node in story.edges)

    while swapped() < count:
        story.world.begin(CLOUD, Revert(number, number - 1, "bench", story.rings, trial=False))
        story.until(lambda turn=number: story.over(turn) is not None, SETTLE_S)  # type: ignore[misc]
        number += 1
    story.world.rest(3.0)
    asked = sum(at_s > began_s for at_s, _, _ in story.told(Arrived))
    load = f"{len(story.devices) * load_hz:g} requests/s"
    failed = story.failed()
    what = f"requests failed in {swapped()} swaps of edges under {load}"
    return {"what": what, "runs": asked, "failed": failed, "bar": "0", "ok": failed == 0 and swapped() >= count}
