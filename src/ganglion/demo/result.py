"""One run's figures, put together: the content of `demo.json` but for the invariants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__
from ..core.facts import Audited
from ..core.label import Tier, Zone
from ..core.rng import stream
from ..core.sample import Examples
from ..engine.onnx import OnnxRunner
from ..flow.job.messages import Released
from ..flow.rollout.messages import RolledOut
from ..node.bodies import make_codec
from ..project import Loaded
from ..run import World, torch_engine, truth
from ..watch import paired
from .fleet import CLOUD, DEVICES, DRIFTED
from .measure import accuracy_over_time, active, arm_row, counts, detection, privacy, served, telling
from .observe import Watcher, as_sensed, central
from .options import DemoOptions
from .privacy import Capture, forms, search
from .project.data import SCALE
from .project.drift import drift
from .script import Story
from .setup import DemoSetup, sensed

SEARCHED = 400  # samples of each kind whose forms are searched for
LATENCIES = 400  # kept per way to serve, for the picture


def measure(
    options: DemoOptions, made: DemoSetup, loaded: Loaded, world: World, story: Story, capture: Capture
) -> dict[str, Any]:
    """Everything that a run showed, from the facts that its nodes told."""
    facts = world.facts
    known: Callable[[str], int] = lambda sample: truth(made.setup, sample)  # noqa: E731
    table = [arm_row(n, facts[a:b], story.arm_bytes[n], known, world.fleet) for n, (a, b) in story.arms.items()]
    watcher = Watcher(lambda ref: world.blob(CLOUD, ref), make_codec(), OnnxRunner())
    told = {body.counter: body for _, _, body in facts if isinstance(body, Released)}
    saved = {row["name"]: row["up_bytes_per_answer"] for row in table}
    releases, learnt = _learning(options, made, loaded, watcher, story, facts)
    for one in releases:
        gain = saved["cloud-only"] - saved["ganglion"]
        one["break_even_samples"] = one.get("release_bytes", 0.0) / gain if gain > 0 else None
    return {
        "meta": _meta(options, made),
        "steps": [vars(step) for step in story.steps],
        "table": table,
        "paired": _paired(facts, story, known),
        "drift": {**detection(facts, story), **learnt, "labels": made.setup.policy.wanted_labels},
        "releases": releases,
        "withheld": story.withheld,
        "outage": _outage(facts, story, known),
        "privacy": {
            **privacy(facts, known),
            "violations": list(getattr(getattr(world, "wires", None), "violations", [])),
            "tap": _tapped(made, facts, watcher, told, capture),
            "audit": [{"node": node, **vars(body)} for _, node, body in facts if isinstance(body, Audited)],
        },
        "counts": counts(facts),
        "active": active(facts),
        "series": _series(world, story, known),
    }


def _outage(facts: Any, story: Story, known: Callable[[str], int]) -> dict[str, Any]:
    """What devices got while a link was cut and an edge was dead, and what was delivered after."""
    began_s = story.steps[-1].began_s
    rows = [row for row in served(facts, known) if row.at_s >= began_s]
    told = counts([fact for fact in facts if fact[0] >= began_s])
    return {
        "answered": len(rows),
        "failed": sum(row.failed for row in rows),
        "degraded": sum(row.degraded for row in rows),
        **{name: told[name] for name in ("accepted", "delivered", "undelivered", "delivered_twice")},
    }


def _meta(options: DemoOptions, made: DemoSetup) -> dict[str, Any]:
    fleet = made.setup.fleet
    device = fleet.node(DEVICES[DRIFTED][0])
    links = {name: fleet.link(node) for name, node in (("wifi", device.id), ("wan", DRIFTED))}
    return {
        "world": "simulator" if options.sim else "processes",
        "seed": options.seed,
        "data": options.data,
        "drift": options.drift,
        "declassify": options.declassify,
        "trace": options.trace.name if options.trace else "",
        "device_slowdown": device.slowdown,
        "device_memory_bytes": device.memory_bytes,
        "label_share": made.setup.label_share,
        "label_delay_s": made.setup.policy.label_delay_s,
        "version": __version__,
        **{
            key: {k: getattr(link, k) for k in ("name", "up_bytes_s", "down_bytes_s", "delay_s", "jitter_s")}
            for key, link in links.items()
        },
    }


def _paired(facts: Any, story: Story, known: Callable[[str], int]) -> dict[str, Any]:
    """Our answers against the best single place's, image by image: every way saw the same readings."""

    def right(name: str) -> dict[tuple[str, int], bool]:
        first, last = story.arms[name]
        rows = served(facts[first:last], known)
        count = max(len(rows) // 4, 1)
        return {(row.device, int(row.sample.rsplit("/", 1)[1]) % count): row.right for row in rows}

    singles = {name: right(name) for name in ("cloud-only", "device-only", "edge-only")}
    best = max(singles, key=lambda name: sum(singles[name].values()))
    ours, theirs = right("ganglion"), singles[best]
    both = sorted(ours.keys() & theirs.keys())
    interval = paired(np.array([ours[k] for k in both], bool), np.array([theirs[k] for k in both], bool))
    return {
        "best_single": best,
        "difference": interval.value,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
    }


def _learning(
    options: DemoOptions,
    made: DemoSetup,
    loaded: Loaded,
    watcher: Watcher,
    story: Story,
    facts: Any,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Accuracies on images never shown: of every release, and what learning won against central training."""
    chance = stream(options.seed, "watch")
    parts, told = made.split, {body.counter: body for _, _, body in facts if isinstance(body, Released)}

    def changed(examples: Examples) -> Examples:
        return Examples(drift(examples.x, options.drift), examples.y, examples.tier)

    clean = as_sensed(parts.test, sensed, chance)
    drifted = as_sensed(changed(parts.test), sensed, chance)
    same = [as_sensed(parts.train, sensed, chance), as_sensed(changed(parts.site_a), sensed, chance)]
    best = central(lambda memory: torch_engine(loaded, memory.read, options.cache), loaded.project.fresh, same, drifted)
    releases = _releases(watcher, story, facts, told, (clean, drifted))
    by = {one["counter"]: one for one in releases if "accuracy_clean" in one}
    frozen = by[story.frozen]
    learnt = by.get(story.learnt, frozen)
    return releases, {
        "accuracy": {
            "frozen_drifted": frozen["accuracy_drifted"],
            "learnt_drifted": learnt["accuracy_drifted"],
            "central_drifted": best,
            "frozen_clean": frozen["accuracy_clean"],
            "learnt_clean": learnt["accuracy_clean"],
        },
        "recovery": (learnt["accuracy_drifted"] - frozen["accuracy_drifted"])
        / max(best - frozen["accuracy_drifted"], 1e-9),
        "forgetting": frozen["accuracy_clean"] - learnt["accuracy_clean"],
        "test_images": len(parts.test),
    }


def _releases(
    watcher: Watcher, story: Story, facts: Any, told: dict[int, Released], tests: tuple[Examples, Examples]
) -> list[dict[str, Any]]:
    """What became of every job that was asked for and of every release, and how right that is."""
    ended = {body.counter: body for _, _, body in facts if isinstance(body, RolledOut)}
    releases: list[dict[str, Any]] = [
        {"counter": number, "bad": number == story.bad, "asked": True, "kept": False, "why": over.why}
        for number, over in sorted(story.jobs.items())
        if over.counter not in told
    ]
    for counter, released in sorted(told.items()):
        release, end = watcher.release(released), ended.get(counter)
        releases.append(
            {
                "counter": counter,
                "bad": counter == story.bad,
                "asked": counter in story.jobs,  # or a site asked for one more
                "trigger": release.trigger,
                "kept": end is not None and end.kept,
                "why": "its roll-out did not end" if end is None else end.why,
                "release_bytes": dict(release.evaluation)["release_bytes"],
                "accuracy_clean": watcher.accuracy(release, tests[0]),
                "accuracy_drifted": watcher.accuracy(release, tests[1]),
                "plan": describe(release.plan()),
            }
        )
    return releases


def describe(plan: Any) -> str:
    """A plan in one line."""
    parts = []
    for stage in plan.stages:
        sure = "/".join("never" if t > 1 else f"{t:g}" for t in stage.thresholds)
        parts.append(f"{stage.zone.name.lower()}: segments {stage.first + 1}-{stage.last}, answers when sure {sure}")
    return "; ".join(parts)


def _tapped(
    made: DemoSetup, facts: Any, watcher: Watcher, told: dict[int, Released], capture: Capture
) -> dict[str, int]:
    """The same search for private and for public samples in what crossed the edge-cloud links."""
    release = watcher.release(told[min(told)])
    rows = served(facts, lambda sample: 0)
    private = [row.sample for row in rows if row.tier is not Tier.PUBLIC]
    public = [row.sample for row in rows if row.zone is Zone.CLOUD]
    found = {}
    for name, samples in (("private", private), ("public", public)):
        few = samples[:: max(len(samples) // SEARCHED, 1)]
        raw = [_reading(made, sample) for sample in few]
        made_of = watcher.activations(release, np.stack(raw)) if raw else []
        found[name] = search(capture, (forms(x, SCALE, cut) for x, cut in zip(raw, made_of, strict=True)))
    (private_windows, found_private), (public_windows, found_public) = found["private"], found["public"]
    return {
        "private_windows": private_windows,
        "found_private": found_private,
        "public_windows": public_windows,
        "found_public": found_public,
    }


def _reading(made: DemoSetup, sample: str) -> Any:
    """What the sensor gave for a sample."""
    device, source, number = sample.split("/")
    rows = made.setup.sources[device][source]
    return rows.x[int(number) % len(rows.x)]


def _series(world: World, story: Story, known: Callable[[str], int]) -> dict[str, Any]:
    facts = world.facts
    latency = {}
    for name, (first, last) in story.arms.items():
        took = np.sort([row.took_s * 1e3 for row in served(facts[first:last], known)])
        kept = np.linspace(0, len(took) - 1, min(LATENCIES, len(took))).astype(int)  # none of none
        latency[name] = took[kept].tolist()
    links = [[node.id, node.parent, *world.bytes(node.id)] for node in world.fleet.nodes if node.parent is not None]
    events = telling(facts)
    return {"accuracy": accuracy_over_time(facts, known), "latency_ms": latency, "links": links, "events": events}
