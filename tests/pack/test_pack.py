"""Codecs give back what they promise, refuse bytes from elsewhere, and their table says what they cost."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from numpy.typing import NDArray

from ganglion.core.errors import ConfigError, ProtocolError
from ganglion.core.rng import stream
from ganglion.pack import CODECS, Affine, Codec, Deflate, Raw, codec, measure, unpack
from ganglion.pack.packed import DEFLATE, TYPES, Head

Array = NDArray[Any]
SHAPES = some.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7)
PLAIN = st.sampled_from([kind for kind in TYPES])
FLOATS = st.floats(-(2.0**99), 2.0**99, width=32)


@settings(max_examples=150)
@given(PLAIN.flatmap(lambda kind: some.arrays(kind, SHAPES)))
def test_what_is_exact_comes_back_bit_by_bit(array: Array) -> None:
    for one in (Raw(), Deflate(Raw())):
        back = unpack(one.encode(array))
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()


@settings(max_examples=150)
@given(some.arrays(np.float32, SHAPES, elements=FLOATS), st.sampled_from([8, 4, 2]), st.booleans())
def test_no_number_is_off_by_more_than_half_a_step(array: Array, bits: int, squeezed: bool) -> None:
    one: Codec = Affine(bits)
    back = unpack((Deflate(one) if squeezed else one).encode(array))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    whole = array.astype(np.float64)
    wide = array.ndim >= 3 and array.size >= 32 * array.shape[1] > 0
    over = tuple(axis for axis in range(array.ndim) if axis != 1) if wide else None
    if array.size:
        reach = np.ptp(whole, axis=over, keepdims=True)
        bound = reach / ((1 << bits) - 1) / 2 * (1 + 1e-3) + 4e-7 * np.abs(whole).max() + 1e-37
        assert (np.abs(back - whole) <= bound).all()


def test_channels_have_ranges_of_their_own() -> None:
    array = np.stack([np.linspace(0, 1, 64), np.linspace(0, 1000, 64)]).astype(np.float32).reshape(1, 2, 8, 8)
    off = np.abs(unpack(Affine(8).encode(array)) - array)
    assert off[0, 0].max() <= 0.5 / 255 * 1.001  # one range for both would be off by up to 2
    assert off[0, 1].max() <= 500 / 255 * 1.001


def test_sizes_are_a_quarter_an_eighth_and_a_sixteenth() -> None:
    array = stream(7, "activation").normal(size=(1, 24, 56, 56)).astype(np.float32)
    for bits, share in ((8, 4), (4, 8), (2, 16)):
        size = len(Affine(bits).encode(array))
        assert array.nbytes / share <= size <= array.nbytes / share + 24 * 8 + 64
    relu = np.maximum(array, 0)
    assert len(Deflate(Affine(4)).encode(relu)) < 0.85 * len(Affine(4).encode(relu))


@pytest.mark.parametrize("array", [np.array([1.0, np.inf], np.float32), np.arange(9), np.array([[True, False]])])
def test_what_has_no_range_travels_as_it_is(array: Array) -> None:
    assert unpack(Affine(4).encode(array)).tobytes() == array.tobytes()


def test_names_make_codecs_and_wrong_ones_say_what_there_is() -> None:
    assert all(codec(name).name == name for name in CODECS)
    with pytest.raises(ConfigError, match=r"u4\+deflate.*did you mean"):
        codec("u4+deflat")
    with pytest.raises(ConfigError, match="choose one"):
        Affine(3)
    with pytest.raises(ConfigError, match="twice"):
        Deflate(Deflate())
    with pytest.raises(ConfigError, match="complex128"):
        Raw().encode(np.zeros(2, np.complex128))


@settings(max_examples=400)
@given(st.data())
def test_damaged_bytes_are_refused_or_still_a_tensor_within_the_limit(data: st.DataObject) -> None:
    array = stream(7, "any").normal(size=(1, 3, 8, 8)).astype(np.float32)
    blob = bytearray(CODECS[data.draw(st.sampled_from(sorted(CODECS)))].encode(array))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] = data.draw(st.integers(0, 255))
    blob = blob[: data.draw(st.integers(0, len(blob)))] if data.draw(st.booleans()) else blob
    with suppress(ProtocolError):
        assert unpack(blob, 1 << 16).nbytes <= 1 << 16


def test_sizes_are_checked_before_memory_is_taken() -> None:
    huge = Head(0, 32, np.dtype("<f4"), (1 << 31, 1 << 31)).write()
    with pytest.raises(ProtocolError, match="over the limit"):
        unpack(huge)
    bomb = zlib.compress(bytes(1 << 24), 9)
    small = Head(DEFLATE, 0, np.dtype("<f4"), (4,)).write()
    with pytest.raises(ProtocolError, match="more than it can need"):
        unpack(small + struct.pack("<Q", 1 << 24) + bomb)
    with pytest.raises(ProtocolError, match="holds others"):
        unpack(small + struct.pack("<Q", 100) + bomb)
    lie = Head(DEFLATE, 0, np.dtype("<f4"), (9,)).write()
    inner = Raw().encode(np.zeros(4, np.float32))
    with pytest.raises(ProtocolError, match="holds another"):
        unpack(lie + struct.pack("<Q", len(inner)) + zlib.compress(inner))


def front(x: Array) -> Sequence[Array]:
    """The tensor that crosses, and one that is the same for every sample."""
    return [np.maximum(x, 0), np.arange(5)]


def back(tensors: Sequence[Array]) -> Array:
    """Which of two halves is brighter."""
    half = tensors[0].reshape(len(tensors[0]), 2, -1)
    return np.asarray(half.sum(-1) + 0.0 * tensors[1].sum())


def test_the_table_gives_accuracy_and_bytes_per_cut_and_codec() -> None:
    x = stream(7, "samples").normal(size=(200, 2, 8, 8)).astype(np.float32)
    y = back(front(x)).argmax(-1)
    rows = measure({"relu": (front, back)}, list(CODECS.values()), x, y)
    by = {row.codec: row for row in rows}
    assert len(by) == len(CODECS)
    assert by["raw"].accuracy == by["raw+deflate"].accuracy == 1.0
    assert by["raw"].loss == 0.0
    assert by["u8"].accuracy >= 0.98 > by["u2"].accuracy
    assert by["u2"].accuracy == by["u2+deflate"].accuracy
    assert by["u2"].sent_bytes < by["u4"].sent_bytes < by["u8"].sent_bytes < by["raw"].sent_bytes
    one = sum(len(Affine(8).encode(tensor)) for tensor in front(x[:1]))
    assert by["u8"].sent_bytes == pytest.approx(one)
    with pytest.raises(ConfigError, match="at least one"):
        measure({}, [], x[:0], y[:0])
