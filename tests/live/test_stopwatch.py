"""Profiles: anchors that add up, kernels that share them out, a cache that knows its machine, declared classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from split_places import network

from ganglion.core.errors import ConfigError, NotFound
from ganglion.core.timing import Anchor, Rates, Timing, Watts
from ganglion.engine.profiles import classes, node_class, timing_of_text, timing_to_text
from ganglion.live.stopwatch import Key, anchors_of, line_through, measure, profile

MODEL = network(width=128).model


def timed(*anchors: Anchor) -> Timing:
    """As measured on some machine."""
    return Timing("n", "measured", Rates(), Watts(), MODEL.weights, "onnxruntime 1", 1, "cpu", anchors)


def test_anchors_share_the_work_and_end_with_all_of_it() -> None:
    ends = anchors_of(MODEL, 3)
    work = Rates().seconds(MODEL)
    assert ends[-1] == len(MODEL.kernels)
    assert ends == sorted(set(ends))
    assert len(ends) == 4
    shares = [sum(work[:end]) / sum(work) for end in ends[:-1]]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.16)  # a kernel is not divided


def test_kernels_add_up_to_the_anchors_whatever_the_rates() -> None:
    count = len(MODEL.kernels)
    timing = timed(Anchor(3, 0.010, 0.011), Anchor(9, 0.014, 0.015), Anchor(count, 0.030, 0.031))
    for rates in (Rates(), Rates(flops_s=1e6), Rates(bytes_s=1e6)):
        found = replace(timing, rates=rates).kernel_s(MODEL)
        assert [sum(found[:end]) for end in (3, 9, count)] == pytest.approx([0.010, 0.014, 0.030])
        assert min(found) >= 0.0
    backwards = timed(Anchor(3, 0.010, 0.0), Anchor(count, 0.009, 0.0)).kernel_s(MODEL)
    assert sum(backwards) == pytest.approx(0.010)


def test_a_profile_of_another_machine_or_model_is_refused() -> None:
    timing = timed(Anchor(len(MODEL.kernels), 0.01, 0.01))
    timing.check(MODEL.weights, "onnxruntime 1", 1, "cpu")
    with pytest.raises(ConfigError, match=r"cpu 'cpu', here it is 'other'.*ganglion profile"):
        timing.check(MODEL.weights, "onnxruntime 1", 1, "other")
    with pytest.raises(ConfigError, match="threads '1', here it is '2'"):
        timing.check(MODEL.weights, "onnxruntime 1", 2, "cpu")
    with pytest.raises(ConfigError, match="runtime"):
        timing.check(MODEL.weights, "onnxruntime 2", 1, "cpu")
    with pytest.raises(ConfigError, match="is of model"):
        timing.kernel_s(replace(MODEL, weights="0" * 64))


def test_what_is_measured_is_kept_for_this_machine_alone(tmp_path: Path) -> None:
    model, told = network(width=128), []
    first = profile(model, "one", tmp_path, Watts(busy_w=2.0), lambda done, turns: told.append(done))
    assert told == list(range(1, 12))
    assert first.source == "measured"
    assert first.anchors[-1].kernels == len(model.model.kernels)
    assert all(anchor.cpu_s > 0.0 for anchor in first.anchors)
    again = profile(model, "two", tmp_path, Watts(), lambda done, turns: told.append(-1))
    assert again == replace(first, node="two")
    assert -1 not in told
    file = tmp_path / Key.here(model.model).file
    file.write_text(file.read_text("utf-8").replace(json.dumps(first.cpu), '"another cpu"'), "utf-8")
    with pytest.raises(ConfigError, match="another cpu"):
        profile(model, "three", tmp_path, Watts(), lambda done, turns: None)


def test_measuring_more_of_a_model_takes_longer() -> None:
    timing = measure(network(depth=12, width=512), "n", Watts(), lambda done, turns: None, turns=5)
    seconds = [anchor.cpu_s for anchor in timing.anchors]
    assert seconds[-1] > 1.5 * seconds[0]  # all of it against a quarter


def test_classes_are_declared_and_say_where_their_figures_come_from() -> None:
    assert classes() == ["jetson-nano", "raspberry-pi-4", "server-core"]
    made = {name: node_class(name) for name in classes()}
    for timing in made.values():
        assert timing.source.startswith("declared: ")
        assert "Not measured" in timing.source
        assert timing.watts.source == "declared"
        assert timing_of_text(timing_to_text(timing), "x") == timing
    whole = {name: sum(timing.kernel_s(MODEL)) for name, timing in made.items()}
    assert whole["server-core"] < whole["jetson-nano"] < whole["raspberry-pi-4"]
    assert made["raspberry-pi-4"].watts.joules(2.0, moved_bytes=1e6) == pytest.approx(2 * 0.9 + 0.1)
    with pytest.raises(NotFound, match="raspberry"):
        node_class("raspberry")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}', '{"format": 2}'])
def test_a_file_that_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="measure again"):
        timing_of_text(text, "a file")


def test_a_link_is_a_start_and_a_rate() -> None:
    sizes = (20_000, 200_000)
    small, large = ([0.01 + size / 1e6 + odd for odd in (0.0, 0.0005, 0.5)] for size in sizes)
    found = line_through((sizes[0], small), (sizes[1], large))
    assert found.bytes_s == pytest.approx(1e6)
    assert found.start_s == pytest.approx(0.0105)
    with pytest.raises(ConfigError, match="larger size"):
        line_through((sizes[0], large), (sizes[1], small))
