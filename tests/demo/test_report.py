"""The report and the terminal's table, made from a result like one of a run."""

from __future__ import annotations

import copy
import io
import itertools
import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ganglion.demo import terminal
from ganglion.demo.figures import LETTER, MARK, WIDTH, Scale, beside, decades, numbered, steps
from ganglion.demo.figures_table import ACCOUNT, COLUMNS, best
from ganglion.demo.figures_text import count, percent, points, quantity, size
from ganglion.demo.report import html

VOID = {"meta", "br", "hr", "link", "img", "input"}
HOSTILE = "<script>alert(\"1\")</script> & '[bold]'"


def row(name: str, samples: int, right: float, p95_ms: float, up_bytes: int, shares: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "samples": samples,
        "accuracy": right,
        "p50_ms": p95_ms * 0.6,
        "p95_ms": p95_ms,
        "p99_ms": p95_ms * 1.15,
        "up_bytes": up_bytes,
        "down_bytes": up_bytes // 3,
        "up_bytes_per_answer": up_bytes / samples,
        "wan_energy_mj_per_answer": up_bytes / samples * 1.3e-3,
        "shares": shares,
        "degraded": 0,
        "failed": 0,
        "sent": samples,
        "answered": samples,
        "lost": 0,
        "duplicated": 0,
    }


TABLE = [
    row("ganglion", 1000, 0.968, 17.42, 61_200, [0.62, 0.35, 0.03]),
    row("cloud-only", 1000, 0.975, 103.7, 402_000, [0.0, 0.0, 1.0]),
    row("device-only", 1000, 0.871, 0.91, 0, [1.0, 0.0, 0.0]),
    row("device-only without limit", 1000, 0.975, 1.62, 0, [1.0, 0.0, 0.0]),
    row("edge-only", 1000, 0.975, 13.1, 0, [0.0, 1.0, 0.0]),
    row("cloud-only, drifted", 250, 0.147, 104.2, 100_500, [0.0, 0.0, 1.0]),
    row("device-only, drifted", 250, 0.151, 0.93, 0, [1.0, 0.0, 0.0]),
]
STEPS = [
    ("first release", 0.0, 21.4),
    ("compare ways to serve", 21.4, 64.0),
    ("the world of one site changes", 64.0, 93.7),
    ("a bad release", 93.7, 108.2),
    ("cut link, killed edge", 108.2, 121.9),
]
EVENTS = [
    (18.2, "release 1 is kept"),
    (69.0, "the world of edge-a changes"),
    (69.4, "edge-a notices, 13 samples after"),
    (78.9, "300 labels are there; edge-a learns in its worker"),
    (82.5, "edge-a: 0.15 -> 0.95 on held-out samples; the update leaves by consent"),
    (84.1, "round 1 begins from the model of edge-a"),
    (87.0, "release 2 goes to the canary"),
    (92.8, "release 2 is kept"),
    (99.5, "release 3 goes to the canary"),
    (104.8, "release 3 rolled back: worse on 12 of 13 labelled disagreements"),
    (108.2, "the cloud link of edge-b is cut; edge-a is killed"),
    (112.3, "link and edge are back"),
    (118.0, "the outbox is empty"),
]


def accuracy_bins(seed: int, low_from: float, low_to: float) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    bins = []
    for at_s in [*np.arange(22.0, 60.0, 2.0), *np.arange(64.0, 122.0, 2.0)]:
        samples = int(rng.integers(20, 160))
        right = rng.binomial(samples, 0.16 if low_from <= at_s < low_to else 0.965)
        bins.append([float(at_s), right / samples, samples])
    return bins


def latencies(seed: int, floor_ms: float, jitter_ms: float, far: float = 0.0) -> list[float]:
    rng = np.random.default_rng(seed)
    took = floor_ms + rng.exponential(jitter_ms, 400) + far * (rng.random(400) < 0.03)
    return sorted(float(one) for one in took)


RELEASES = [
    (1, "first release", True, "", 98_300, 288, 0.972, 0.146),
    (2, "edge-a drifted", True, "the gate passed at both sites", 98_300, 288, 0.962, 0.951),
    (
        3,
        "labels of two classes swapped",
        False,
        "edge-b: worse on 12 of 13 labelled disagreements",
        98_100,
        None,
        0.86,
        0.84,
    ),
]
RESULT: dict[str, Any] = {
    "meta": {
        "world": "simulator",
        "seed": 7,
        "data": "digits",
        "drift": "inversion",
        "declassify": "consent",
        "wifi": {"name": "wifi", "up_bytes_s": 2.5e6, "down_bytes_s": 5e6, "delay_s": 0.003},
        "wan": {"name": "lte", "up_bytes_s": 1.25e6, "down_bytes_s": 5e6, "delay_s": 0.04},
        "device_slowdown": 8.0,
        "device_memory_bytes": 16_000,
        "label_share": 0.5,
        "label_delay_s": 2.0,
        "trace": "",
        "version": "0.1.0",
    },
    "steps": [{"name": name, "began_s": a, "ended_s": b, "note": "as planned"} for name, a, b in STEPS],
    "table": TABLE,
    "paired": {"best_single": "edge-only", "difference": -0.007, "low": -0.014, "high": 0.0002, "level": 0.95},
    "drift": {
        "samples_to_alarm": 13,
        "false_alarms": 0,
        "labels": 300,
        "accuracy": {
            "frozen_drifted": 0.146,
            "learnt_drifted": 0.951,
            "central_drifted": 0.972,
            "frozen_clean": 0.972,
            "learnt_clean": 0.962,
        },
        "recovery": 0.975,
        "forgetting": 0.01,
        "test_images": 397,
    },
    "releases": [
        {
            "counter": counter,
            "trigger": trigger,
            "kept": kept,
            "why": why,
            "release_bytes": release_bytes,
            "break_even_samples": even,
            "accuracy_clean": clean,
            "accuracy_drifted": drifted,
            "plan": "device 0-1 at 0.93, edge 1-3 at 0.55, cloud 0-3",
        }
        for counter, trigger, kept, why, release_bytes, even, clean, drifted in RELEASES
    ],
    "outage": {
        "answered": 2212,
        "failed": 0,
        "degraded": 148,
        "accepted": 371,
        "delivered": 371,
        "undelivered": 0,
        "delivered_twice": 0,
    },
    "privacy": {
        "answers": {
            "public": [3120, 1705, 148],
            "derived": [0, 0, 0],
            "edge": [1571, 902, 0],
            "user": [811, 0, 0],
        },
        "out_of_reach": 0,
        "denied": 1,
        "tap": {"private_windows": 48_200, "found_private": 0, "public_windows": 4_460, "found_public": 4_460},
        "audit": [
            {"act": "consent", "what": "an update of edge-a", "why": "operator", "epsilon": 0.0, "delta": 0.0},
            {"act": "denied", "what": "ref 0a1b2c", "why": "raw of tier edge", "epsilon": 0.0, "delta": 0.0},
            {"act": "denied", "what": "ref 0a1b2c", "why": "raw of tier edge", "epsilon": 0.0, "delta": 0.0},
        ],
    },
    "counts": {
        "sent": 14_210,
        "answered": 14_210,
        "lost": 0,
        "duplicated": 0,
        "accepted": 371,
        "delivered": 371,
        "undelivered": 0,
        "delivered_twice": 0,
    },
    "series": {
        "accuracy": {"edge-a": accuracy_bins(1, 69.0, 93.0), "edge-b": accuracy_bins(2, 0.0, 0.0)},
        "latency_ms": {
            "ganglion": latencies(1, 0.8, 5.0, 95.0),
            "cloud-only": latencies(2, 86.0, 5.0),
            "device-only": latencies(3, 0.7, 0.05),
            "device-only without limit": latencies(4, 1.2, 0.1),
            "edge-only": latencies(5, 6.4, 1.8),
            "cloud-only, drifted": latencies(6, 86.0, 5.0),
        },
        "links": [
            ["edge-a", "cloud", 2_310_400, 811_200],
            ["edge-b", "cloud", 1_290_000, 640_300],
            ["a1", "edge-a", 402_000, 233_100],
            ["a2", "edge-a", 398_750, 231_900],
            ["b1", "edge-b", 188_020, 190_400],
            ["b2", "edge-b", 190_180, 189_300],
        ],
        "events": [[at_s, words] for at_s, words in EVENTS],
    },
    "invariants": [
        {"name": "no sample is lost", "holds": True, "detail": "14,210 sent, 14,210 answered"},
        {"name": "no answer comes twice", "holds": True, "detail": "0 of 14,210"},
        {"name": "the bad release is rolled back", "holds": True, "detail": "release 3"},
        {"name": "nothing private passes the tap", "holds": True, "detail": "0 of 48,200 windows"},
    ],
}


def changed(**parts: Any) -> dict[str, Any]:
    """The result with some of its parts replaced; `a__b` is part b of part a."""
    result = copy.deepcopy(RESULT)
    for place, value in parts.items():
        *outer, last = place.split("__")
        inner = result
        for name in outer:
            inner = inner[name]
        inner[last] = value
    return result


class Page(HTMLParser):
    """Reads a page strictly: each tag is closed where it must be."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []  # (innermost tag, text)
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(words for tag, words in self.words if tag not in ("style", "title", "desc"))


def test_every_tag_is_closed_and_every_id_is_there_once() -> None:
    page = Page(html(RESULT))
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in page.all("svg"):
        assert set((attrs["aria-labelledby"] or "").split()) <= set(ids)


def test_every_picture_has_caption_unit_and_alternative() -> None:
    source = html(RESULT)
    pictures = re.findall(r"<figure.*?</figure>", source, re.S)
    assert len(pictures) == 6
    for picture in pictures:
        page = Page(picture)
        said = dict.fromkeys(("title", "desc", "figcaption"), "")
        said.update({tag: words for tag, words in page.words if tag in said})
        assert all(said.values())
        assert re.search(r"\d", said["desc"])  # it tells figures, not only what kind of picture it is
        assert said["figcaption"].count(".") == 1
        assert re.search(r"seconds|percent|milliseconds|B</text>", picture)


def test_the_page_refers_to_nothing_outside_itself() -> None:
    source = html(RESULT)
    assert "http" not in source
    assert not re.search(r"(?:src|href|data|action)\s*=|@import|url\(|<script|<iframe|<link|\son\w+=", source)


def test_the_same_result_gives_the_same_bytes_also_through_json() -> None:
    source = html(RESULT)
    assert source == html(copy.deepcopy(RESULT))
    assert source == html(json.loads(json.dumps(RESULT, sort_keys=True)))


def test_the_page_holds_no_figure_that_python_could_not_format() -> None:
    assert not re.search(r"\bnan\b|\binf\b|None|Traceback|e[+-]\d\d", Page(html(RESULT)).text)


def planted(value: Any, found: list[str]) -> Any:
    """The same structure with hostile words in place of every text, except those that choose between ways to draw."""
    if isinstance(value, dict):
        return {key: planted(part, found) for key, part in value.items()}
    if isinstance(value, list):
        return [planted(part, found) for part in value]
    if isinstance(value, str):
        found.append(value)
        return f"{value}{HOSTILE}"
    return value


def test_words_of_the_result_are_escaped_wherever_they_stand() -> None:
    found: list[str] = []
    result = planted(changed(meta__trace="lte.txt"), found)
    result["series"]["accuracy"] = {f"{site}{HOSTILE}": bins for site, bins in RESULT["series"]["accuracy"].items()}
    result["series"]["latency_ms"] = {f"{arm}{HOSTILE}": ms for arm, ms in RESULT["series"]["latency_ms"].items()}
    result["privacy"]["answers"] = {f"{tier}{HOSTILE}": n for tier, n in RESULT["privacy"]["answers"].items()}
    result["invariants"][0]["holds"] = False
    source = html(result)
    page = Page(source)
    assert page.open == [] and page.all("script") == []
    assert "&lt;script&gt;" in source and HOSTILE in page.text
    for words in ("edge-a", "user", "lte.txt", "the bad release is rolled back", "release 2 is kept"):
        assert f"{words}{HOSTILE}" in page.text


def test_the_verdict_says_that_all_holds_or_names_what_does_not() -> None:
    assert "All 4 invariants hold." in Page(html(RESULT)).text
    result = copy.deepcopy(RESULT)
    result["invariants"][2] |= {"holds": False, "detail": "release 3 stayed"}
    page = Page(html(result))
    assert "1 of 4 invariants does not hold." in page.text and "All 4" not in page.text
    listed = [words for tag, words in page.words if tag == "b"]
    assert "the bad release is rolled back" in listed and "release 3 stayed" in page.text
    assert [attrs for attrs in page.all("div") if attrs.get("class") == "verdict bad"]


def test_a_run_without_invariants_is_not_called_good() -> None:
    page = Page(html(changed(invariants=[])))
    assert "No invariant was checked." in page.text
    assert [attrs for attrs in page.all("div") if attrs.get("class") == "verdict bad"]


def test_headlines_compare_with_the_cloud() -> None:
    words = Page(html(RESULT)).text
    for figure in (
        "17.4 ms",
        "cloud-only 104 ms",
        "61.2 B",
        "cloud-only 402 B, 0.152 × of it",
        "98 %",
        "1.0 points lost",
    ):
        assert figure in words


def test_what_learning_gave_elsewhere_is_no_loss() -> None:
    words = Page(html(changed(drift__forgetting=-0.008))).text
    assert "0.8 points gained on unchanged images" in words and "points lost" not in words


def test_the_best_of_a_column_is_marked_and_drifted_rows_are_not_compared() -> None:
    by_head = {column.head: column for column in (*COLUMNS, *ACCOUNT)}
    assert best(by_head["p95"], TABLE) == {"device-only"}  # 0.93 ms of a drifted row would not count either
    assert best(by_head["accuracy"], TABLE) == {"cloud-only", "device-only without limit", "edge-only"}
    assert best(by_head["lost"], TABLE) == set()  # all the same: nobody is best
    assert best(by_head["device / edge / cloud"], TABLE) == set()
    low = [*TABLE[:2], {**TABLE[5], "up_bytes_per_answer": -1.0}]
    assert best(by_head["up per answer"], low) == {"ganglion"}


def test_who_is_better_than_ganglion_is_said_in_words() -> None:
    words = Page(html(RESULT)).text
    assert "faster at p95: device-only, device-only without limit, edge-only" in words
    assert "with fewer bytes to the cloud: device-only, device-only without limit, edge-only" in words
    assert "points (95 % interval −1.4 to 0.0)" in words


def test_what_is_unknown_is_a_dash_and_what_is_empty_says_so() -> None:
    result = changed(steps=[], drift__samples_to_alarm=None, drift__recovery=None, privacy__audit=[], releases=[])
    result["series"] = {"accuracy": {}, "latency_ms": {}, "links": [], "events": []}
    result["privacy"]["answers"] = {"public": [0, 0, 0]}
    result["table"] = []
    words = Page(html(result)).text
    assert words.count("nothing was recorded") == 6
    assert "was not noticed" in words and "Recovery –" in words


def test_a_step_that_never_ended_lasts_to_the_end() -> None:
    result = copy.deepcopy(RESULT)
    result["steps"][-1]["ended_s"] = 0.0
    assert "cut link, killed edge, 11.8 s" in Page(html(result)).text  # the last thing recorded was at 120 s


def test_a_release_that_never_went_out_has_a_row_and_break_even_is_worked_out() -> None:
    released = {key: value for key, value in RESULT["releases"][0].items() if key != "break_even_samples"}
    never = {"counter": 2, "kept": False, "why": "a round was refused"}
    result = changed(releases=[released, never], withheld="no mechanism is declared")
    words = Page(html(result)).text
    assert math.ceil(98_300 / (402.0 - 61.2)) == 289
    assert re.search(r"kept\s+98.3 kB\s+289 ", words)
    assert re.search(r"not released\s+a round was refused\s+–\s+–", words)
    assert "withheld: no mechanism is declared." in words
    assert "Release 2 not released: a round was refused" in printed(result)


def test_a_trace_is_said_to_be_of_a_downlink() -> None:
    assert "measured on a downlink" not in Page(html(RESULT)).text
    assert "trace-9.log: measured on a downlink" in Page(html(changed(meta__trace="trace-9.log"))).text


def test_repeated_acts_of_the_audit_are_counted() -> None:
    audit = html(RESULT).split("The audit log")[2]  # after the region's label and the caption
    assert re.findall(r'<td class="n">(\d+)</td></tr>', audit.split("</table>")[0]) == ["1", "2"]


def labels(source: str) -> list[tuple[str, float, float, str]]:
    """Every word in a picture with its left and right end, by the width that the layout gives a letter."""
    found = []
    for picture in re.findall(r"<svg.*?</svg>", source, re.S):
        for x, anchor, words in re.findall(
            r'<text x="([-\d.]+)" y="[-\d.]+"(?: class="[^"]*")?(?: text-anchor="(\w+)")?>(.*?)</text>', picture
        ):
            width = LETTER * len(words)
            left = float(x) - {"": 0.0, "middle": width / 2, "end": width}[anchor]
            found.append((words, left, left + width, picture))
    return found


def test_no_label_is_cut_off() -> None:
    found = labels(html(RESULT))
    assert len(found) > 100
    assert [(words, left, right) for words, left, right, _ in found if left < 0 or right > WIDTH] == []


@given(st.lists(st.floats(0, 120), min_size=1, max_size=90))
def test_numbers_of_events_stay_apart_and_in_sight(events_s: list[float]) -> None:
    drawn, end = numbered(sorted(events_s), Scale(0.0, 120.0, 46.0, 468.0), 20.0, 0.0)
    marks = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(marks) == len(events_s)
    assert all(x + MARK / 2 <= WIDTH and y + MARK / 2 <= end for x, y in marks)
    assert all(math.dist(a, b) >= MARK for a, b in itertools.combinations(marks, 2))


def test_bytes_decide_how_wide_a_link_is_drawn() -> None:
    picture = next(p for p in re.findall(r"<svg.*?</svg>", html(RESULT), re.S) if "flow-up" in p)
    drawn = re.findall(
        r'class="flow-up" stroke-width="([\d.]+)"/><path d="[^"]*" class="flow-down" stroke-width="([\d.]+)"/>'
        r"<text [^>]*>up ([^<]*)</text>",
        picture,
    )
    widths = {label: (float(up), float(down)) for up, down, label in drawn}
    assert len(drawn) == 6 and widths["2.31 MB"][0] == 14.0
    assert widths["2.31 MB"][1] == pytest.approx(14.0 * 811_200 / 2_310_400, abs=0.06)
    assert widths["402 kB"][0] == pytest.approx(14.0 * 402_000 / 2_310_400, abs=0.06)


def test_the_latency_curve_climbs_from_none_to_all() -> None:
    picture = next(p for p in re.findall(r"<svg.*?</svg>", html(RESULT), re.S) if "milliseconds" in p)
    curves = re.findall(r'<path d="M([^"]*)" class="line-\d"', picture)
    assert len(curves) == 5  # the drifted one is left out
    for curve in curves:
        xs, ys = zip(*(map(float, corner.split()) for corner in curve.split("L")), strict=True)
        assert list(xs) == sorted(xs) and list(ys) == sorted(ys, reverse=True)
        assert (ys[0], ys[-1]) == (234.0, 34.0)


spans = st.tuples(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5)).map(lambda span: (span[0], span[0] + span[1]))


@given(spans, st.integers(3, 9))
def test_steps_are_round_in_range_and_few(span: tuple[float, float], most: int) -> None:
    low, high = span
    marks = steps(low, high, most)
    slack = 1e-6 * (high - low) + 1e-9
    assert len(marks) <= most and all(low - slack <= at <= high + slack for at in marks)
    apart = [b - a for a, b in itertools.pairwise(marks)]
    assert all(gap == pytest.approx(apart[0], rel=1e-6) for gap in apart)


@given(st.floats(1e-3, 1e3), st.floats(2.0, 1e6))
def test_decades_lie_in_range(low: float, factor: float) -> None:
    marks = decades(low, low * factor)
    assert marks == sorted(marks) and len(marks) <= 12 and all(low <= at <= low * factor for at in marks)


@given(st.lists(st.floats(0, 400), max_size=40).map(sorted), st.integers(1, 4))
def test_marks_beside_each_other_never_overlap_and_only_move_right(wanted: list[float], rows: int) -> None:
    placed = beside(wanted, 16.0, rows)
    assert all(at >= x for (at, _), x in zip(placed, wanted, strict=True))
    for row_ in range(rows):
        places = [at for at, row in placed if row == row_]
        assert all(b - a >= 16.0 - 1e-9 for a, b in itertools.pairwise(places))


def test_a_logarithmic_scale_gives_each_decade_the_same_room() -> None:
    scale = Scale(1.0, 100.0, 0.0, 200.0, log=True)
    assert [scale(at) for at in (1.0, 10.0, 100.0)] == pytest.approx([0.0, 100.0, 200.0])
    assert scale(0.0) == 0.0  # what is below the axis stands at its begin


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (quantity(None), "–"),
        (quantity(math.inf), "–"),
        (quantity(1234.5), "1,234"),
        (quantity(0.0), "0"),
        (size(999.96), "1.00 kB"),
        (size(1_250_000), "1.25 MB"),
        (size(3.2e9), "3.20 GB"),
        (percent(1.0, 0), "100 %"),
        (points(-0.0004), "0.0"),
        (points(0.012), "+1.2"),
        (count(None), "–"),
    ],
)
def test_quantities_in_print(shown: str, expected: str) -> None:
    assert shown == expected


def printed(result: dict[str, Any], width: int = 200, **how: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, **how)
    terminal.table(result, console)
    terminal.verdict(result, console)
    return out.getvalue()


def test_the_terminal_stays_below_a_hundred_columns_and_is_plain_when_piped() -> None:
    said = printed(RESULT)
    assert max(map(len, said.splitlines())) < 100
    assert "\x1b" not in said
    assert "\x1b" in printed(RESULT, force_terminal=True, color_system="standard")
    for part in ("device-only without limit", "17.4", "0.910*", "62/35/3", "All 4 invariants hold."):
        assert part in said


def test_a_narrow_terminal_folds_names_but_cuts_no_figure() -> None:
    said = printed(RESULT, width=80)
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    for figure in ("17.4", "0.910*", "104", "402", "62/35/3", "0.0796"):
        assert figure in said


def test_the_terminal_names_what_fails_and_takes_no_markup_from_the_result() -> None:
    result = copy.deepcopy(RESULT)
    result["invariants"][0] = {"name": "no sample [bold] is lost", "holds": False, "detail": "2 lost [/]"}
    said = printed(result)
    assert "1 of 4 invariants does not hold." in said
    assert "no sample [bold] is lost: 2 lost [/]" in said
    assert "Release 3 (labels of two classes swapped) rolled back" in said


def test_a_pipe_that_knows_only_ascii_is_served() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True) as out:
        console = Console(file=out, width=98)
        terminal.table(RESULT, console)
        terminal.verdict(RESULT, console)
        out.flush()
        said = " ".join(raw.getvalue().decode("ascii").split())
    assert "ganglion" in said and "interval -1.4 to 0.0" in said
