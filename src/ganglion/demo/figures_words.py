"""The report's tables and paragraphs below the pictures: drift, releases, outage, privacy, invariants, declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .figures_table import Result, Row, break_even, by_tier, fate, forgotten
from .figures_text import UNKNOWN, count, escaped, given, percent, plural, size

Cell = tuple[str, str]  # class, words


def grid(caption: str, heads: Sequence[Cell], rows: Iterable[Sequence[Cell]], kind: str = "") -> str:
    """A table whose first cell of each row names the row; a class of "n" is a number."""
    top = "".join(f'<th scope="col" class="{look}">{_head(words)}</th>' for look, words in heads)
    body = []
    for (look, first), *others in rows:
        cells = "".join(f'<td class="{each}">{escaped(words)}</td>' for each, words in others)
        body.append(f'<tr><th scope="row" class="{look}">{escaped(first)}</th>{cells}</tr>')
    return (
        f'<p class="soft">{escaped(caption)}</p>'
        f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{escaped(caption)}"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _head(words: str) -> str:
    """A unit after a line break stands below the head."""
    head, _, unit = words.partition("\n")
    return escaped(head) + (f'<span class="soft">{escaped(unit)}</span>' if unit else "")


def paragraph(words: str, kind: str = "") -> str:
    """One paragraph."""
    look = f' class="{kind}"' if kind else ""
    return f"<p{look}>{escaped(words)}</p>"


def drift(result: Result) -> str:
    """What the change cost, when it was noticed, and what learning won back."""
    seen, right = result["drift"], result["drift"]["accuracy"]
    rows = [
        [("", "first release"), ("n", percent(right["frozen_clean"])), ("n", percent(right["frozen_drifted"]))],
        [("", "learnt release"), ("n", percent(right["learnt_clean"])), ("n", percent(right["learnt_drifted"]))],
        [("", "trained centrally on the same data"), ("n", UNKNOWN), ("n", percent(right["central_drifted"]))],
    ]
    noticed = seen["samples_to_alarm"]
    alarm = "was not noticed" if noticed is None else f"was noticed {plural(noticed, 'sample')} after it began"
    words = (
        f"The change ({result['meta']['drift']}) {alarm}, without labels; {plural(seen['false_alarms'], 'alarm')} came "
        f"where nothing had changed. The site learnt from {plural(seen['labels'], 'labelled sample')}."
    )
    meaning = (
        f"Recovery {percent(seen['recovery'])}: the part of the gap between the first release and one trained "
        f"centrally that was closed; {forgotten(result)}."
    )
    caption = f"Accuracy on {plural(seen['test_images'], 'image')} that were neither streamed nor trained on"
    heads = [("", "model"), ("n", "unchanged"), ("n", "changed")]
    if result.get("withheld"):
        words += f" What it learnt was withheld: {result['withheld']}."
    return paragraph(words) + grid(caption, heads, rows) + paragraph(meaning)


def releases(result: Result) -> str:
    """Every release, and why it stayed or went."""
    heads = [
        ("n", "number"),
        ("", "trigger"),
        ("", "end"),
        ("words", "why"),
        ("n", "size"),
        ("n", "break-even\nsamples"),
    ]
    heads += [("n", "accuracy\nunchanged"), ("n", "accuracy\nchanged"), ("words", "plan")]
    rows = [
        [
            ("n", count(one["counter"])),
            ("words", one.get("trigger", UNKNOWN)),
            ("yes" if one["kept"] else "no", fate(one)),
            ("words", one.get("why", UNKNOWN)),
            ("n", size(one.get("release_bytes"))),
            ("n", count(break_even(result, one))),
            ("n", percent(one.get("accuracy_clean"))),
            ("n", percent(one.get("accuracy_drifted"))),
            ("words", one.get("plan", UNKNOWN)),
        ]
        for one in result["releases"]
    ]
    note = (
        "Break-even: the number of answers of one site after which the bytes saved on the way to the cloud, against "
        "cloud-only, exceed the bytes of the release."
    )
    return grid("Releases, and why each was kept or rolled back", heads, rows) + paragraph(note, "soft")


def outage(result: Result) -> str:
    """What the cut link and the killed edge did to answers and to the outbox."""
    seen = result["outage"]
    return paragraph(
        f"While the link of one site was cut and the edge of the other was killed, devices got "
        f"{plural(seen['answered'], 'answer')}: {count(seen['degraded'])} of them from a nearer exit than planned, "
        f"{count(seen['failed'])} failed. Of {plural(seen['accepted'], 'hard sample')} that edges had accepted, "
        f"{count(seen['delivered'])} reached the cloud, {count(seen['delivered_twice'])} of them twice; "
        f"{count(seen['undelivered'])} did not."
    )


def privacy(result: Result) -> str:
    """Where each tier was answered, what gates refused, what a tap found, what was declassified."""
    seen = result["privacy"]
    heads = [("", "tier"), ("n", "device"), ("n", "edge"), ("n", "cloud")]
    rows = [[("", tier), *(("n", count(n)) for n in left)] for tier, left in by_tier(result)]
    reach = f"{plural(seen['out_of_reach'], 'answer')} left farther away than the tier of the sample allows. "
    parts = [
        grid("Answers by privacy tier and the zone they left in", heads, rows),
        paragraph(f"{reach}The gates refused {plural(seen['denied'], 'message')}.{_tap(seen)}"),
    ]
    if seen["audit"]:
        parts.append(_audit(seen["audit"]))
    return "".join(parts)


def _tap(seen: Row) -> str:
    tap = seen["tap"]
    private, public = (plural(tap[f"{kind}_windows"], "window") for kind in ("private", "public"))
    return (
        f" A tap on every edge–cloud link, before encryption, searched for {private} of private samples and found "
        f"{count(tap['found_private'])}; the same search, for {public} of public samples, which may travel, found "
        f"{count(tap['found_public'])}."
    )


def _audit(acts: Sequence[Row]) -> str:
    keys = ("act", "what", "why", "epsilon", "delta")
    times: dict[tuple[Any, ...], int] = {}
    for one in acts:
        entry = tuple(one[key] for key in keys)
        times[entry] = times.get(entry, 0) + 1
    rows = [
        [("words", act), ("words", what), ("words", why), ("n", _bound(epsilon)), ("n", _bound(delta)), ("n", count(n))]
        for (act, what, why, epsilon, delta), n in times.items()
    ]
    heads = [("", "act"), ("", "what"), ("", "why"), ("n", "epsilon"), ("n", "delta"), ("n", "times")]
    return grid("The audit log; an act without an epsilon is one by consent, or a refusal", heads, rows)


def _bound(value: float | None) -> str:
    """A privacy bound; zero says that the mechanism has none."""
    return f"{value:.3g}" if value else UNKNOWN


def invariants(result: Result) -> str:
    """Everything that was checked."""
    rows = [
        [("", one["name"]), ("yes", "holds") if one["holds"] else ("no", "does not hold"), ("words", one["detail"])]
        for one in result["invariants"]
    ]
    heads = [("", "invariant"), ("", "verdict"), ("words", "detail")]
    return grid("What the program checked about its own run", heads, rows)


def declared(result: Result) -> str:
    """What was declared, not measured: one line each."""
    meta = result["meta"]
    clock = {
        "simulator": "simulator: time is virtual, links and compute follow declared and shipped figures",
        "processes": "processes on one machine: times were measured, through links that were slowed to their profiles",
    }
    lines: list[tuple[str, str]] = [
        ("world", clock.get(meta["world"], meta["world"])),
        ("seed, data", f"{meta['seed']}, {meta['data']}; ganglion {meta['version']}"),
        ("device slowness", f"declared: a device takes {given(meta['device_slowdown'])} × as long as was measured"),
        ("device memory", f"declared: {size(meta['device_memory_bytes'])} for weights and activations"),
        ("device–edge link", _profile(meta["wifi"])),
        ("edge–cloud link", _profile(meta["wan"])),
        ("WAN energy", "declared joules per byte on the edge–cloud links, times bytes; nothing was metered"),
        (
            "labels",
            f"from a declared source at the site: {percent(meta['label_share'], 0)} of the samples, "
            f"{given(meta['label_delay_s'])} s later",
        ),
        ("leaving a tier", f"declassification of updates: {meta['declassify']}"),
    ]
    if meta.get("trace"):
        lines.append(("trace", f"{meta['trace']}: measured on a downlink, used here as uplink, which is an assumption"))
    rows = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(words)}</dd>" for name, words in lines)
    return f"<dl>{rows}</dl>"


def _profile(link: Row) -> str:
    show: Callable[[float], str] = size
    return (
        f"declared profile {link['name']}: {show(link['up_bytes_s'])}/s up, {show(link['down_bytes_s'])}/s down, "
        f"{given(1e3 * link['delay_s'])} ms one way"
    )
