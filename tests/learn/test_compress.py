"""Updates in fewer bytes: what a compression promises holds for any update, and foreign bytes are refused."""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ganglion.core.compute import Sgd
from ganglion.core.errors import ConfigError, GanglionError, ProtocolError
from ganglion.core.rng import stream
from ganglion.core.tensors import Tensors
from ganglion.learn import METHODS, Kept, Strategy
from ganglion.learn.aggregate import Median
from ganglion.learn.client import LocalSgd
from ganglion.learn.compress import (
    COMPRESSIONS,
    Compress,
    Dgc,
    Even,
    Feedback,
    LowRank,
    Plain,
    Qsgd,
    TopK,
    decode,
    named,
)
from ganglion.learn.compress.bits import pack, read_rising, unpack, write_rising

LIKE = Tensors.of({"w": np.zeros((12, 9)), "b": np.zeros(9), "k": np.zeros((4, 3, 2, 2))})
SIZE = len(LIKE.flat)
NOTHING: Kept = {}


def some(seed: int, scale: float, spread: float, zeros: float) -> Tensors:
    """Numbers of very different sizes, some of them nothing, some alike."""
    chance = stream(seed, "delta")
    flat = chance.normal(size=SIZE) * np.exp(spread * chance.normal(size=SIZE)) * scale
    flat[chance.random(SIZE) < zeros] = 0.0
    flat[:3] = scale
    return LIKE.with_flat(flat.astype(np.float32))


SCALES = (0.0, 1e-6, 1.0, 1e3)
DELTAS = st.builds(some, st.integers(0, 10**6), st.sampled_from(SCALES), st.floats(0, 3), st.floats(0, 1))
MADE = [*COMPRESSIONS.values(), *(Compress(numbers=Even(bits), memory=Feedback()) for bits in (8, 4, 2, 1))]
MADE += [Compress(TopK(0.05), Qsgd(2)), Compress(TopK(0.2), Even(4), Dgc(0.9, 1.0)), Compress(LowRank(1), Plain(16))]
MADE += [Compress(numbers=Qsgd(bits, 7)) for bits in (8, 4, 2)]


def sent(made: Compress, delta: Tensors, turn: int = 0) -> Tensors:
    return decode(made.encode(delta, 0, stream(turn, "c"), {})[0], delta)


@pytest.mark.parametrize("made", MADE, ids=repr)
@settings(max_examples=15)
@given(DELTAS, st.integers(0, 9))
def test_what_arrives_has_the_layout_and_what_stays_is_the_rest(made: Compress, delta: Tensors, number: int) -> None:
    raw, kept = made.encode(delta, number, stream(1, "c"), {})
    again, _ = made.encode(delta, number, stream(1, "c"), {})
    back = decode(raw, LIKE)
    assert raw == again and back.layout == LIKE.layout and back.flat.dtype == np.float32
    assert np.isfinite(back.flat).all() and set(kept) == set(made.keeps)
    if isinstance(made.memory, Feedback):
        assert (kept["residual"].flat == delta.flat - back.flat).all()


@given(DELTAS, DELTAS)
def test_sent_and_left_out_are_what_was_given_to_the_bit(one: Tensors, other: Tensors) -> None:
    """Over two rounds, for what is left out or sent as it is."""
    made, kept = named("top_k", {"share": 0.1}), NOTHING
    for number, delta in enumerate((one, other)):
        wanted = delta + kept["residual"] if kept else delta
        raw, kept = made.encode(delta, number, stream(1, "c"), kept)
        assert ((decode(raw, LIKE) + kept["residual"]).flat == wanted.flat).all()


@given(DELTAS, st.floats(0.01, 1.0))
def test_top_k_contracts(delta: Tensors, share: float) -> None:
    """|x - C(x)|^2 <= (1 - k / d) |x|^2: Stich et al. 2018, arXiv:1809.07599, lemma A.1."""
    part = TopK(share)
    left = (delta - sent(Compress(part), delta)).norm() ** 2
    assert left <= (1.0 - part.count(SIZE, 0) / SIZE) * delta.norm() ** 2 * (1.0 + 1e-6)


@given(DELTAS)
def test_scaled_signs_contract(delta: Tensors) -> None:
    """|x - C(x)|^2 <= |x|^2 - |x|_1^2 / d in each bucket: Karimireddy et al. 2019, lemma 8."""
    left = (delta - sent(Compress(numbers=Even(1)), delta)).norm() ** 2
    most = delta.norm() ** 2 - float(np.abs(delta.flat.astype(np.float64)).sum()) ** 2 / SIZE
    assert left <= most * (1.0 + 1e-5) + 1e-5 * delta.norm() ** 2


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_qsgd_is_right_on_average(bits: int) -> None:
    delta = LIKE.with_flat(stream(3, "d").normal(size=SIZE).astype(np.float32))
    made, turns, most = Compress(numbers=Qsgd(bits, SIZE)), 600, (1 << bits - 1) - 1
    total = sum(sent(made, delta, turn).flat.astype(np.float64) for turn in range(turns))
    off = np.abs(total / turns - delta.flat)
    assert off.max() < 5.0 * 0.5 * delta.norm() / most / math.sqrt(turns)  # a coin between two levels, at worst even
    assert off.max() > 0.0


@given(DELTAS, st.sampled_from([2, 4, 8]))
def test_even_steps_are_off_by_half_a_step_at_most(delta: Tensors, bits: int) -> None:
    step = np.abs(delta.flat).max() / ((1 << bits - 1) - 1)
    assert np.abs(sent(Compress(numbers=Even(bits)), delta).flat - delta.flat).max() <= step * 0.50001 + 1e-9


def test_a_matrix_of_that_rank_is_sent_whole_and_a_smaller_share_is_smaller() -> None:
    chance = stream(2, "m")
    w = chance.normal(size=(12, 2)) @ chance.normal(size=(2, 9))
    delta = Tensors.of({"w": w, "b": chance.normal(size=9), "k": np.zeros((4, 3, 2, 2))})
    np.testing.assert_allclose(sent(Compress(LowRank(2)), delta).flat, delta.flat, atol=1e-5)
    full, thin = (len(Compress(part).encode(delta, 0, chance, {})[0]) for part in (LowRank(2), LowRank(1)))
    assert thin < full < len(Compress().encode(delta, 0, chance, {})[0])


def test_what_is_never_the_largest_moves_only_where_it_is_remembered() -> None:
    """One of two slopes is noise around nothing and always the larger; the other leads to the minimum."""
    ends = []
    for memory in (Feedback(), None):
        made, x, kept = Compress(TopK(0.5), memory=memory), Tensors.of({"x": np.array([0.0, 1.0])}), NOTHING
        for number in range(400):
            slope = np.array([0.5 * (-1.0) ** number, 0.05 * x.flat[1]], np.float32)
            raw, kept = made.encode(x.with_flat(slope), number, stream(number, "s"), kept)
            x = x - decode(raw, x)
        ends.append(abs(float(x.flat[1])))
    assert ends[0] < 0.3 and ends[1] == 1.0


def test_dgc_by_hand() -> None:
    """Two weights, one is sent a round: momentum grows where nothing is sent, and begins again where it was."""
    made, kept = Compress(TopK(0.5), memory=Dgc(momentum=0.5)), NOTHING
    delta, told = Tensors.of({"x": np.array([1.0, 0.75])}), []
    for number in range(3):
        raw, kept = made.encode(delta, number, stream(0, "c"), kept)
        told.append(decode(raw, delta).flat.tolist())
    # v: (1, .75) -> sends 1; u (0, .75) -> u (1, 1.125), v (1, 1.875) -> sends 1.875; u (1, 0) -> u (1.5, .75), v 2.5
    assert told == [[1.0, 0.0], [0.0, 1.875], [2.5, 0.0]]
    assert kept["velocity"].flat.tolist() == [0.0, 0.75] and kept["residual"].flat.tolist() == [0.0, 0.75]
    clipped, _ = Compress(memory=Dgc(0.0, clip=0.5)).encode(delta, 0, stream(0, "c"), {})
    assert decode(clipped, delta).norm() == pytest.approx(0.5)


def test_a_warm_up_sends_a_quarter_first_and_less_from_round_to_round() -> None:
    counts = [TopK(0.001, warm=8).count(100_000, number) for number in range(10)]
    assert counts[0] == 25_000 and counts[8:] == [100, 100]
    assert all(3.9 < before / after < 4.1 for before, after in zip(counts[:8:2], counts[2:9:2], strict=True))


@given(st.sets(st.integers(0, 4999), max_size=60), st.integers(1, 4))
def test_positions_and_bits_come_back(chosen: set[int], width: int) -> None:
    positions = np.array(sorted(chosen), np.int64)
    assert read_rising(write_rising(positions), 5000).tolist() == positions.tolist()
    bits = (1, 2, 4, 8)[width - 1]
    levels = (positions % (1 << bits)).astype(np.uint8)
    assert unpack(pack(levels, bits), bits, len(levels)).tolist() == levels.tolist()


@given(st.binary(max_size=40), st.integers(1, 300))
def test_no_bytes_say_a_position_twice_or_one_that_is_not_there(raw: bytes, size: int) -> None:
    try:
        found = read_rising(raw, size)
    except ProtocolError:
        return
    assert len(set(found.tolist())) == len(found) and (not len(found) or 0 <= found.min() <= found.max() < size)


@pytest.mark.parametrize("made", MADE, ids=repr)
@settings(max_examples=20)
@given(st.data())
def test_foreign_bytes_are_refused_or_are_an_update(made: Compress, data: st.DataObject) -> None:
    delta = LIKE.with_flat(stream(5, "d").normal(size=SIZE).astype(np.float32))
    raw = bytearray(made.encode(delta, 0, stream(1, "c"), {})[0])
    match data.draw(st.sampled_from(["flip", "cut", "more"])):
        case "flip":
            for _ in range(data.draw(st.integers(1, 4))):
                raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        case "cut":
            del raw[data.draw(st.integers(0, len(raw) - 1)) :]
        case _:
            raw += data.draw(st.binary(min_size=1, max_size=9))
    try:
        back = decode(bytes(raw), LIKE)
    except ProtocolError:
        return
    assert back.layout == LIKE.layout and np.isfinite(back.flat).all()


def hostile(change: str) -> bytes:
    """A sparse update by hand, with one thing wrong."""
    where, numbers = write_rising(np.array([3, SIZE - 1])), np.array([1.0, 2.0], "<f4")
    if change == "range":
        where = write_rising(np.array([3, SIZE]))
    if change == "nan":
        numbers[1] = math.nan
    body = struct.pack("<I", len(where)) + where + numbers.tobytes()
    body = body[:-4] if change == "short" else body
    return b"GUP1" + bytes([1, 0, 32, 0]) + body


@pytest.mark.parametrize(
    ("change", "why"), [("nan", "not finite"), ("range", "not below"), ("short", "came in 4 bytes")], ids=str
)
def test_what_is_wrong_is_said(change: str, why: str) -> None:
    assert decode(hostile(""), LIKE).flat[[3, SIZE - 1]].tolist() == [1.0, 2.0]
    with pytest.raises(ProtocolError, match=why):
        decode(hostile(change), LIKE)


def test_a_small_blob_cannot_grow_without_bounds() -> None:
    bomb = b"GUP1" + bytes([0, 0, 32, 1]) + zlib.compress(bytes(50_000_000))
    with pytest.raises(ProtocolError, match="grows beyond"):
        decode(bomb, LIKE)


@pytest.mark.parametrize("made", [named("dgc"), named("even")], ids=repr)
def test_an_update_that_is_not_finite_does_not_reach_the_memory(made: Compress) -> None:
    bad = LIKE.with_flat(np.full(SIZE, np.nan, np.float32))
    with pytest.raises(GanglionError, match="lower its rate"):
        made.encode(bad, 0, stream(0, "c"), {})


def test_what_contradicts_itself_is_refused_when_it_is_built() -> None:
    with pytest.raises(ConfigError, match="most are left out"):
        Strategy(train=LocalSgd(Sgd(0.1)), aggregate=Median(), compress=named("top_k"))
    assert Strategy(aggregate=Median(), compress=named("even")).compress is not None
    with pytest.raises(ConfigError, match="multiplied twice"):
        Strategy(train=LocalSgd(Sgd(0.1, momentum=0.9)), compress=named("dgc"))
    with pytest.raises(ConfigError, match="multiplied twice"):
        METHODS["fedavgm"](Sgd(0.1)).__class__(step=METHODS["fedavgm"](Sgd(0.1)).step, compress=named("dgc"))


def test_names_and_values() -> None:
    assert named("dgc", {"share": 0.01, "momentum": 0.5, "feedback": True}).memory == Dgc(0.5)
    assert named("top_k", {"feedback": 0.0}).memory is None and not named("qsgd", {"deflate": False}).deflate
    for name, values, why in (
        ("dcg", {}, "did you mean 'dgc'"),
        ("dgc", {"shar": 0.1}, "did you mean 'share'"),
        ("dgc", {"share": 0.0}, "would send nothing"),
        ("qsgd", {"bits": 3}, "choose one"),
        ("even", {"numbers": "evn"}, "did you mean 'even'"),
        ("power_sgd", {"rank": 0}, "rank lies"),
    ):
        with pytest.raises(ConfigError, match=why):
            named(name, values)


@given(DELTAS, st.sampled_from([4, 8]))
def test_a_compression_loses_less_with_more_bits(delta: Tensors, bits: int) -> None:
    assume(delta.norm() > 0.0)
    few, many = (delta - sent(Compress(numbers=Even(width)), delta) for width in (2, bits))
    assert many.norm() <= few.norm() * (1.0 + 1e-6) + 1e-6
