"""The end table's columns, its best values and its three headlines: one source for the page and the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.label import Tier
from .figures_text import count, percent, points, quantity, size

Result = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One figure of every way to serve."""

    head: str
    unit: str
    show: Callable[[Row], str]
    value: Callable[[Row], float] | None = None  # None: no row is best in it
    most: bool = False  # the highest is best, else the lowest
    brief: str = ""  # its head on a terminal; "" = it is left out there


def _shares(row: Row) -> str:
    return "/".join(f"{100 * share:.0f}" for share in row["shares"])


def _of(key: str, show: Callable[[float | None], str]) -> Callable[[Row], str]:
    return lambda row: show(row[key])


def _value(key: str) -> Callable[[Row], float]:
    return lambda row: float(row[key])


def _timed(quantile: str) -> Column:
    key = f"{quantile}_ms"
    return Column(quantile, "ms", _of(key, quantity), _value(key), brief=f"{quantile} ms")


def _down_per_answer(row: Row) -> float:
    return float(row["down_bytes"]) / max(float(row["samples"]), 1.0)


COLUMNS = (
    Column("samples", "", _of("samples", count)),
    Column("accuracy", "%", lambda row: f"{100 * row['accuracy']:.1f}", _value("accuracy"), most=True, brief="right %"),
    _timed("p50"),
    _timed("p95"),
    _timed("p99"),
    Column("up per answer", "B", _of("up_bytes_per_answer", quantity), _value("up_bytes_per_answer"), brief="up B"),
    Column("down per answer", "B", lambda row: quantity(_down_per_answer(row)), _down_per_answer, brief="down B"),
    Column("up", "", _of("up_bytes", size), _value("up_bytes")),
    Column("down", "", _of("down_bytes", size), _value("down_bytes")),
    Column(
        "WAN energy per answer",
        "mJ",
        _of("wan_energy_mj_per_answer", quantity),
        _value("wan_energy_mj_per_answer"),
        brief="mJ",
    ),
    Column("device / edge / cloud", "%", _shares, brief="dev/edge/cloud"),
)
ACCOUNT = (
    Column("sent", "", _of("sent", count)),
    Column("answered", "", _of("answered", count)),
    Column("lost", "", _of("lost", count), _value("lost")),
    Column("answered twice", "", _of("duplicated", count), _value("duplicated")),
    Column("degraded", "", _of("degraded", count), _value("degraded")),
    Column("failed", "", _of("failed", count), _value("failed")),
)


def comparable(name: str) -> bool:
    """Whether a way to serve saw the same samples as the others; the drifted streams did not."""
    return "drifted" not in name


def best(column: Column, rows: Sequence[Row]) -> set[str]:
    """The ways to serve that are best in a column, by what is printed; none where all print the same."""
    value = column.value
    if value is None:
        return set()
    ranked = [row for row in rows if comparable(row["name"])]
    if len({column.show(row) for row in ranked}) < 2:
        return set()
    top = max(ranked, key=value) if column.most else min(ranked, key=value)
    return {row["name"] for row in ranked if column.show(row) == column.show(top)}


def forgotten(result: Result) -> str:
    """What learning cost, or gave, where nothing had changed."""
    loss = result["drift"]["forgetting"]
    if loss is not None and loss < 0:
        return f"{points(-loss, signed=False)} points gained on unchanged images"
    return f"{points(loss, signed=False)} points lost on unchanged images"


def row_named(result: Result, name: str) -> Row | None:
    """A row of the end table, if that way to serve was run."""
    return next((row for row in result["table"] if row["name"] == name), None)


def headlines(result: Result) -> list[tuple[str, str, str]]:
    """Up to three of (figure, what it is, what it is compared with)."""
    told = []
    mine, cloud = row_named(result, "ganglion"), row_named(result, "cloud-only")
    if mine and cloud:
        told.append(
            (f"{quantity(mine['p95_ms'])} ms", "95 % of answers within", f"cloud-only {quantity(cloud['p95_ms'])} ms")
        )
        up, theirs = mine["up_bytes_per_answer"], cloud["up_bytes_per_answer"]
        ratio = f", {quantity(up / theirs)} × of it" if theirs else ""
        told.append((f"{quantity(up)} B", "sent to the cloud per answer", f"cloud-only {quantity(theirs)} B{ratio}"))
    drift = result["drift"]
    told.append(
        (percent(drift["recovery"], 0), "of the gap to central training closed after the drift", forgotten(result))
    )
    return told


def fate(release: Row) -> str:
    """What became of a release."""
    if release["kept"]:
        return "kept"
    return "rolled back" if "release_bytes" in release else "not released"


def by_tier(result: Result) -> list[tuple[str, Sequence[int]]]:
    """Answers at device, edge and cloud for each tier, the most open tier first."""
    answers = result["privacy"]["answers"]
    order = dict.fromkeys([*(tier.name.lower() for tier in Tier), *sorted(answers)])
    return [(tier, answers[tier]) for tier in order if tier in answers]


def break_even(result: Result, release: Row) -> float | None:
    """Answers of one site after which the uplink bytes saved against cloud-only exceed the release's; None: never."""
    if "break_even_samples" in release or "release_bytes" not in release:
        told: float | None = release.get("break_even_samples")
        return told
    mine, cloud = row_named(result, "ganglion"), row_named(result, "cloud-only")
    saved = cloud["up_bytes_per_answer"] - mine["up_bytes_per_answer"] if mine and cloud else 0.0
    return math.ceil(release["release_bytes"] / saved) if saved > 0 else None


def ahead(result: Result, key: str, most: bool = False) -> list[str]:
    """The ways to serve whose value is better than ganglion's."""
    mine = row_named(result, "ganglion")
    if mine is None:
        return []
    sign = -1 if most else 1
    others = [row for row in result["table"] if comparable(row["name"])]
    return [row["name"] for row in others if sign * row[key] < sign * mine[key]]


def paired(result: Result) -> str:
    """The accuracy against the best single choice, with its interval, in a sentence."""
    told = result["paired"]
    return (
        f"Accuracy of ganglion minus that of {told['best_single']}, on the same samples: {points(told['difference'])} "
        f"points ({percent(told['level'], 0)} interval {points(told['low'])} to {points(told['high'])})."
    )


def failing(result: Result) -> list[Row]:
    """The invariants that do not hold."""
    return [one for one in result["invariants"] if not one["holds"]]


def verdict_line(result: Result) -> str:
    """Whether the run is good, in a sentence."""
    broken, all_of_them = len(failing(result)), len(result["invariants"])
    if not all_of_them:
        return "No invariant was checked."
    if broken:
        return f"{broken} of {all_of_them} invariants {'does' if broken == 1 else 'do'} not hold."
    return f"All {all_of_them} invariants hold."
