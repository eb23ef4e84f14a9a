"""What the roll-out bench consists of: parts that are measured one by one, each in a process of its own, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..core.facts import Activated, Arrived
from ..core.rng import stream
from ..flow.rollout.revert import Revert
from . import rollout_live
from .rollout_cases import CASES, CUTS, MISSED, Case, ends, inputs_to_return
from .rollout_fleet import CLOUD, SETTLE_S, Story, rules
from .rollout_sim import EDGES, world

SEEDS, RANDOM_CUTS, SWAPS, LIVE_SWAPS = 3, 200, 100, 30
ALARM_SEEDS = 40
CHUNKS, ALARM_CHUNKS = 4, 2  # parts that the cuts at random, and the seeds of a kind of alarm, are measured in
LOOKS = 3
LOAD_HZ, LIVE_LOAD_HZ = 50.0, 20.0  # of each device, while releases are swapped
KINDS = ("alike", "better", "local")
TOLERANT = 0.1
Result = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Something that is measured at once; `live` ones start processes and mostly wait."""

    name: str
    work: Callable[[int], Result]  # of a seed
    live: bool = False


def parts() -> list[Part]:
    """All of the full run, in the order of its rows."""
    return [
        *(Part(f"simulated {case.what}", partial(simulated, case, SEEDS)) for case in (*CASES, *CUTS)),
        *(Part(f"live {case.what}", partial(live, case), True) for case in (*CASES, *CUTS) if not case.only_sim),
        *(Part(f"random cuts {turn}", partial(random_cuts, turn)) for turn in range(CHUNKS)),
        Part("inputs", lambda seed: {"found": [inputs_to_return(world(seed + turn)) for turn in range(SEEDS)]}),
        Part("live inputs", live_inputs, True),
        *(
            Part(f"alarms {kind} {error:g} {turn}", partial(alarms, kind, error, turn))
            for error in (0.0, TOLERANT)
            for kind in KINDS
            for turn in range(ALARM_CHUNKS)
        ),
        Part("swaps", lambda seed: swaps(world(seed), SWAPS, LOAD_HZ)),
        Part("live swaps", live_swaps, True),
    ]


def simulated(case: Case, seeds: int, seed: int) -> Result:
    """A case on the virtual clock, once with each of so many seeds."""
    runs = ((one, list(case.play(world(one, first=case.first)))) for one in range(seed, seed + seeds))
    wrong = [f"seed {one}: {'; '.join(faults)}" for one, faults in runs if faults]
    return _held(case.what, seeds, wrong)


def live(case: Case, seed: int) -> Result:
    """Once, with processes; a phase too short to be met by whoever looks from outside is looked for a few times."""
    what, wrong = f"live: {case.what}", list[str]()
    for turn in range(LOOKS):
        with rollout_live.world(seed + turn, case.first) as story:
            wrong = list(case.play(story))
        if not any(MISSED in one for one in wrong):
            return _held(what, 1, ["; ".join(wrong)] if wrong else [])
    return {"what": what, "runs": 0, "why": f"not played: {wrong[0]}, {LOOKS} times"}


def random_cuts(turn: int, seed: int) -> Result:
    """Of any node, at any moment of a roll-out; however it ends, it ends the same way everywhere."""
    each = RANDOM_CUTS // CHUNKS
    wrong = [fault for number in range(turn * each, (turn + 1) * each) for fault in _random_cut(number, seed)]
    return {"runs": each, "wrong": wrong}


def _random_cut(number: int, seed: int) -> Iterator[str]:
    story, chance = world(seed + number), stream(seed, "power cut", number)
    nodes = (CLOUD, *story.edges, *story.devices)
    victim = nodes[int(chance.integers(len(nodes)))]
    story.begin(2, "better", rules(error=TOLERANT))
    story.world.rest(float(chance.uniform(2.0, 30.0)))
    story.kill(victim)
    story.world.rest(float(chance.exponential(1.0)))
    story.start(victim)
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    over = story.over(2)
    kept = over is not None and over.kept
    found = [fault for fault in ends(story, 2, kept, 2 if kept else 1) if not _tolerated(fault)]
    if found or over is None:
        yield f"{number}, {victim}: {'; '.join(found)}"


def _tolerated(fault: str) -> bool:
    """A site that said no keeps what it had, and the rule let the others go on."""
    return fault.startswith(("nodes answer with [1, 2]", "floors are [1, 2]"))


def alarms(kind: str, error: float, turn: int, seed: int) -> Result:
    """How often a good release comes back, and how many sites kept what they had when it did not."""
    each = ALARM_SEEDS // ALARM_CHUNKS
    return alarms_of(kind, error, range(seed + turn * each, seed + (turn + 1) * each))


def alarms_of(kind: str, error: float, seeds: Sequence[int]) -> Result:
    """The same for some seeds."""
    back, kept_old = 0, 0
    for seed in seeds:
        story = world(seed, EDGES[seed % len(EDGES)] if kind == "local" else None)
        kept = story.release(2, kind, rules(error=error))
        story.until(story.settled, SETTLE_S)
        back += not kept
        kept_old += sum(story.install(edge).current != 2 for edge in story.edges) if kept else 0
    return {"runs": len(seeds), "back": back, "kept_old": kept_old}


def swaps(story: Story, count: int, load_hz: float, most_s: float = SETTLE_S) -> Result:
    """Two releases in turn at every node, by roll-out, until the edges have swapped so often together."""
    number = 2
    story.sense(rate_hz=load_hz)
    began_s = story.world.now_s()

    def swapped() -> int:
        return sum(at_s > began_s for at_s, node, _ in story.told(Activated) if node in story.edges)

    while swapped() < count:
        story.world.begin(CLOUD, Revert(number, number - 1, "bench", story.rings, trial=False))
        story.until(lambda turn=number: story.over(turn) is not None, most_s)  # type: ignore[misc]
        number += 1
    story.world.rest(3.0)
    asked = sum(at_s > began_s for at_s, _, _ in story.told(Arrived))
    load = f"{len(story.devices) * load_hz:g} requests/s"
    failed = story.failed()
    what = f"requests failed in {swapped()} swaps of edges under {load}"
    return {"what": what, "runs": asked, "failed": failed, "bar": "0", "ok": failed == 0 and swapped() >= count}


def live_inputs(seed: int) -> Result:
    """How many inputs a bad release that answers at the canary's process at once gets to see."""
    with rollout_live.world(seed) as story:
        return {"found": [inputs_to_return(story)]}


def live_swaps(seed: int) -> Result:
    """Fewer swaps, with processes."""
    with rollout_live.world(seed) as story:
        row = swaps(story, LIVE_SWAPS, LIVE_LOAD_HZ)
    return {**row, "what": f"live: {row['what']}"}


def _held(what: str, runs: int, wrong: Sequence[str]) -> Result:
    held = runs - len(wrong)
    return {"what": what, "runs": runs, "held": held, "bar": "all", "ok": not wrong, "why": " | ".join(wrong[:3])}
