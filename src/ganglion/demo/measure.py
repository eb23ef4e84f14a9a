"""From a world's facts to figures: what was answered where, how well, how fast, at what price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.facts import Activated, Answered, Arrived, Denied, Drifted
from ..core.fleet import Fleet, NodeId
from ..core.label import Tier, Zone
from ..flow.adapt.messages import LearntLocally
from ..flow.deliver.messages import Accepted, Delivered
from ..flow.job.messages import Released
from ..flow.rollout.messages import Ringed, RolledOut
from ..flow.round.messages import RoundOver
from .fleet import CLEAN, DEVICES, DRIFTED
from .script import Story

Facts = Sequence[tuple[float, NodeId, Any]]
BIN_S = 2.0  # of the accuracy over time


@dataclass(frozen=True)
class Served:
    """One sample's way, as its device saw it."""

    at_s: float
    device: NodeId
    sample: str
    tier: Tier
    zone: Zone
    right: bool
    failed: bool
    degraded: bool
    took_s: float
    version: int


def served(facts: Facts, truth: Callable[[str], int]) -> list[Served]:
    """Every answer, in order."""
    return [
        Served(
            at_s,
            node,
            body.answer.sample,
            body.answer.tier,
            body.answer.zone,
            body.answer.y == truth(body.answer.sample),
            body.answer.y < 0,
            body.answer.degraded,
            body.took_s,
            body.answer.version,
        )
        for at_s, node, body in facts
        if isinstance(body, Answered)
    ]


def counts(facts: Facts) -> dict[str, int]:
    """Samples sent and answered, hard samples accepted and delivered; lost and duplicated of each.

    An answer by the plan in force that has no class has failed; what a baseline cannot answer is its own affair.
    """
    sent = {body.sample.id for _, _, body in facts if isinstance(body, Arrived)}
    answers = [body.answer.sample for _, _, body in facts if isinstance(body, Answered)]
    accepted = {(node, body.sample) for _, node, body in facts if isinstance(body, Accepted)}
    delivered = [(body.sender, body.sample) for _, _, body in facts if isinstance(body, Delivered)]
    return {
        "sent": len(sent),
        "answered": len(set(answers)),
        "lost": len(sent - set(answers)),
        "duplicated": len(answers) - len(set(answers)),
        "failed": sum(isinstance(body, Answered) and not body.plan and body.answer.y < 0 for _, _, body in facts),
        "accepted": len(accepted),
        "delivered": len(set(delivered)),
        "undelivered": len(accepted - set(delivered)),
        "delivered_twice": len(delivered) - len(set(delivered)),
    }


def arm_row(
    name: str, facts: Facts, up_down: tuple[int, int], truth: Callable[[str], int], fleet: Fleet
) -> dict[str, Any]:
    """One way to serve, as a row of the end table."""
    rows = served(facts, truth)
    took = np.array([row.took_s for row in rows]) * 1e3
    p50, p95, p99 = (float(q) for q in np.quantile(took, [0.5, 0.95, 0.99])) if len(took) else (0.0, 0.0, 0.0)
    answered = max(len(rows), 1)
    radio_j_byte = fleet.node(DRIFTED).power.radio_j_byte
    return {
        "name": name,
        "samples": len(rows),
        "accuracy": sum(row.right for row in rows) / answered,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "up_bytes": up_down[0],
        "down_bytes": up_down[1],
        "up_bytes_per_answer": up_down[0] / answered,
        "wan_energy_mj_per_answer": 1e3 * radio_j_byte * sum(up_down) / answered,
        "shares": [sum(row.zone is zone for row in rows) / answered for zone in Zone],
        "degraded": sum(row.degraded for row in rows),
        "failed": sum(row.failed for row in rows),
        **{key: value for key, value in counts(facts).items() if key in ("sent", "answered", "lost", "duplicated")},
    }


def detection(facts: Facts, story: Story) -> dict[str, Any]:
    """How long the detector took, in samples of the site that changed; and whether it fired where nothing had."""
    at_site = set(DEVICES[DRIFTED])
    before = [body for _, node, body in facts[: story.drift_from] if isinstance(body, Drifted)]
    seen, fired = 0, None
    for _, node, body in facts[story.drift_from :]:
        if isinstance(body, Answered) and node in at_site:
            seen += 1
        if isinstance(body, Drifted) and body.site == DRIFTED and fired is None:
            fired = seen
    elsewhere = [body for _, _, body in facts if isinstance(body, Drifted) and body.site == CLEAN]
    return {"samples_to_alarm": fired, "false_alarms": len(before) + len(elsewhere)}


def accuracy_over_time(facts: Facts, truth: Callable[[str], int]) -> dict[str, list[list[float]]]:
    """Accuracy in each two seconds, per site: [seconds, accuracy, samples]."""
    series: dict[str, list[list[float]]] = {}
    for site, devices in DEVICES.items():
        bins: dict[int, list[bool]] = {}
        for row in served(facts, truth):
            if row.device in devices:
                bins.setdefault(int(row.at_s / BIN_S), []).append(row.right)
        series[site] = [[at * BIN_S, sum(b) / len(b), len(b)] for at, b in sorted(bins.items())]
    return series


def privacy(facts: Facts, truth: Callable[[str], int]) -> dict[str, Any]:
    """Answers by tier and zone, and what the gates refused."""
    rows = served(facts, truth)
    by = {tier.name.lower(): [sum(r.tier is tier and r.zone is zone for r in rows) for zone in Zone] for tier in Tier}
    denied = [body for _, _, body in facts if isinstance(body, Denied)]
    out = sum(row.zone > _farthest(row.tier) for row in rows)
    return {"answers": by, "out_of_reach": out, "denied": len(denied)}


def _farthest(tier: Tier) -> Zone:
    return {Tier.USER: Zone.DEVICE, Tier.EDGE: Zone.EDGE}.get(tier, Zone.CLOUD)


def active(facts: Facts) -> dict[str, int]:
    """The release that each node answers with at the end."""
    return {node: body.counter for _, node, body in facts if isinstance(body, Activated)}


def telling(facts: Facts) -> list[list[Any]]:
    """What happened when, for the timeline: [seconds, words]."""
    told: list[list[Any]] = []
    for at_s, node, body in facts:
        match body:
            case Drifted(_, by) if by != node:
                words = f"drift noticed by {by}"
            case Drifted(site, by) if by == site:
                words = f"{site} asks for labels"
            case LearntLocally(site, samples):
                words = f"{site} learned from {samples} samples"
            case RoundOver(_, _, counted):
                words = f"round with {' and '.join(counted)}"
            case Released(counter):
                words = f"release {counter} signed"
            case Ringed(counter, step, nodes):
                words = f"release {counter}: {step} {' '.join(nodes)}"
            case RolledOut(counter, kept):
                words = f"release {counter} {'kept' if kept else 'rolled back'}"
            case _:
                continue
        told.append([at_s, words])
    return told
