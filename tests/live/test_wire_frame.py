"""Frames: the same bytes for ever, back as they were, and never anything but ProtocolError for other bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from wire_fleet import CODEC, PUBLIC, held, parcel

from ganglion.core.errors import ProtocolError
from ganglion.core.ports import Parcel
from ganglion.core.process import Lane
from ganglion.core.ref import Ref
from ganglion.core.update import Statistic
from ganglion.flow.fetch.messages import Push
from ganglion.live.wire import frame
from ganglion.live.wire.incoming import Incoming

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "frame_1.bin"
MOST = 1 << 20

texts = st.text(max_size=12)
plain = arrays.arrays(
    st.sampled_from([np.dtype(name) for name in ("f2", "<f4", ">f4", "f8", "i1", "u1", "<i8", ">u2", "u4")]),
    arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
parcels = st.builds(
    Parcel,
    flow=texts,
    key=texts,
    body=st.builds(Statistic, st.integers(0, 3), st.integers(0, 9), st.just((("x", 1.5),))) | st.none(),
    lane=st.sampled_from(Lane),
    left_s=st.none() | st.floats(0.001, 1e6),
    incarnation=texts,
    seq=st.integers(0, 2**40),
    name=texts,
    attached=st.lists(st.builds(held, plain, texts), max_size=3).map(tuple),
)


def whole(sent: Parcel, id: int = 5) -> bytes:
    """A frame in one piece."""
    head, parts, _ = frame.encode(sent, id, CODEC)
    return b"".join((head, *parts))


def read(raw: bytes) -> Parcel | None:
    """A frame through the code that connections use."""
    found = Incoming(MOST, 1 << 30, lambda: 0.0, CODEC).take(memoryview(raw), True)
    return frame.finish(found[1], found[2], 0.0) if found and isinstance(found[1], frame.Draft) else None


@settings(max_examples=30)
@given(parcels)
def test_a_parcel_comes_back_as_it_went(sent: Parcel) -> None:
    got = read(whole(sent))
    assert got is not None
    fields = ("flow", "key", "body", "lane", "left_s", "incarnation", "seq", "name")
    assert [getattr(got, field) for field in fields] == [getattr(sent, field) for field in fields]
    assert len(got.attached) == len(sent.attached)
    for (ref, array), (ref_sent, array_sent) in zip(got.attached, sent.attached, strict=True):
        assert ref == ref_sent
        assert array.shape == array_sent.shape and array.dtype == array_sent.dtype.newbyteorder("<")
        assert array.tobytes() == np.ascontiguousarray(array_sent, array.dtype).tobytes()


@settings(max_examples=80)
@given(parcels, st.data())
def test_changed_bytes_are_refused_and_nothing_else_happens(sent: Parcel, data: st.DataObject) -> None:
    raw = bytearray(whole(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        read(bytes(raw))
    except ProtocolError as error:
        assert str(error)


@settings(max_examples=30)
@given(st.binary(max_size=200), st.binary(max_size=100))
def test_any_bytes_behind_a_valid_header_are_refused(meta: bytes, data: bytes) -> None:
    raw = frame.HEADER.pack(frame.MAGIC, frame.VERSION, frame.Kind.PARCEL, 0, 1, 1, len(meta), 1, len(data))
    with pytest.raises(ProtocolError):
        read(raw + meta + data)


@settings(max_examples=20)
@given(parcels, st.integers(1, 64))
def test_fragments_make_the_same_frame(sent: Parcel, size: int) -> None:
    head, parts, _ = frame.encode(sent, 1, CODEC)
    data = b"".join(parts)
    pieces = [head, *(data[at : at + size] for at in range(0, len(data), size))]
    taker = Incoming(MOST, 1 << 30, lambda: 0.0, CODEC)
    found = None
    for place, piece in enumerate(pieces):
        found = taker.take(memoryview(piece), place == len(pieces) - 1)
    assert found is not None
    assert bytes(found[2]) == data


def test_the_bytes_of_version_1_stay() -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2, 3], np.int8)
    sent = Parcel(
        "fetch",
        "k",
        Push(Ref("ab" * 32, 9, PUBLIC), 3, Ref("~edge-1/d", 6, PUBLIC)),
        Lane.BULK,
        1.5,
        "life",
        7,
        "name",
        (held(y, "y"), held(x, "x")),
    )
    made = whole(sent, 258) + frame.signal(frame.Kind.HELLO, Lane.TENSOR, 1 << 20)
    made += frame.signal(frame.Kind.RECEIPT, Lane.TENSOR, 65_536, 0.25)
    assert made == GOLDEN.read_bytes(), "the wire's bytes changed: raise VERSION and keep the old reader's golden file"


def test_another_version_is_refused_by_name() -> None:
    raw = bytearray(whole(parcel()))
    raw[4] = 9
    with pytest.raises(ProtocolError, match=r"version 9 .* speaks 1"):
        read(bytes(raw))


def test_sizes_are_checked_before_memory_is_taken() -> None:
    huge = frame.HEADER.pack(frame.MAGIC, frame.VERSION, frame.Kind.PARCEL, 0, 1, 1, 10, 1, 1 << 62)
    with pytest.raises(ProtocolError, match="over its limits"):
        Incoming(MOST, 1 << 63, lambda: 0.0, CODEC).take(huge + bytes(10), False)
    fits = frame.HEADER.pack(frame.MAGIC, frame.VERSION, frame.Kind.PARCEL, 0, 1, 1, 10, 1, MOST)
    with pytest.raises(ProtocolError, match="over the credit"):
        Incoming(MOST, 1000, lambda: 0.0, CODEC).take(fits + bytes(10), False)


@pytest.mark.parametrize("array", [np.array([object()]), np.array(["a"]), np.array([True]), np.array([1j])])
def test_only_numbers_travel(array: np.ndarray) -> None:
    with pytest.raises(ProtocolError, match="may not travel"):
        whole(parcel(attached=(held(array),)))
