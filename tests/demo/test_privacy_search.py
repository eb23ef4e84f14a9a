"""The search for private samples finds each form that a sample could have on a wire, and nobody else's bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ganglion.core.blob import arrays_to_bytes
from ganglion.core.rng import stream
from ganglion.demo.privacy import BYTE_WINDOW, FLOAT_WINDOW, STRIDE, Capture, distinctive, forms, search, windows
from ganglion.demo.project.data import SCALE
from ganglion.demo.setup import sensed

Image8 = NDArray[np.uint8]


def image(number: int, side: int = 8) -> Image8:
    """What a sensor makes of a drawing; its low bits are noise of its own."""
    chance = stream(7, "image", number)
    return sensed(chance.random((1, side, side)).astype(np.float32), chance)


def activation(number: int) -> bytes:
    """A tensor at a cut, as bytes."""
    return stream(7, "activation", number).normal(size=64).astype("<f4").tobytes()


def noise(size: int) -> bytes:
    return stream(7, "noise", size).bytes(size)


def captured(*parts: bytes) -> Capture:
    capture = Capture()
    for part in parts:
        capture.add(part)
    return capture


def found(capture: Capture, *numbers: int) -> tuple[int, int]:
    return search(capture, (forms(image(n), SCALE, activation(n)) for n in numbers))


def png(x: Image8) -> bytes:
    out = io.BytesIO()
    Image.fromarray(x[0]).save(out, "PNG")
    return out.getvalue()


FORMS = {
    "uint8": image(1).tobytes(),
    "float32": (image(1).astype(np.float32) * np.float32(SCALE)).astype("<f4").tobytes(),
    "PNG": png(image(1)),
    "activation": activation(1),
    "safetensors": arrays_to_bytes({"x": image(1)}),
    "a batch": np.stack([image(5), image(1), image(6)]).tobytes(),
    "half an image": image(1).tobytes()[:32],
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_found_amid_other_bytes(name: str) -> None:
    capture = captured(noise(501), noise(37) + FORMS[name] + noise(3), noise(99))
    assert found(capture, 1)[1] > 0
    assert found(capture, 2) == (found(capture, 2)[0], 0)


def test_every_window_of_a_whole_image_is_found() -> None:
    searched, hit = search(captured(noise(10), image(1).tobytes()), [list(forms(image(1), SCALE, b""))[:1]])
    assert searched == hit == 64 - BYTE_WINDOW + 1


@pytest.mark.parametrize("back", [0, 1, BYTE_WINDOW - 1, FLOAT_WINDOW, 200])
def test_nothing_hides_where_one_stride_ends_and_the_next_begins(back: int) -> None:
    canary = noise(FLOAT_WINDOW)
    capture = captured(bytes(STRIDE - back) + canary + bytes(100))
    looked_for = [[form] for form in forms(np.frombuffer(canary, np.uint8).reshape(1, 8, 8), SCALE, b"")][:1]
    searched, hit = search(capture, looked_for)
    assert searched == hit > 0


def test_a_frame_that_ends_inside_a_sample_hides_nothing() -> None:
    whole = image(1).tobytes()
    assert found(captured(whole[:20], whole[20:]), 1)[1] >= 49


def test_what_could_be_anybodys_is_not_looked_for() -> None:
    plain = np.zeros((1, 8, 8), np.uint8)
    searched, _ = search(captured(bytes(1000)), [forms(plain, SCALE, bytes(256))])
    text = b"".join(form.raw for form in list(forms(plain, SCALE, bytes(256)))[:1])
    assert len(distinctive(windows(text, BYTE_WINDOW))) == 0
    assert searched <= 4  # of the few bytes that a PNG of nothing has


def test_nothing_captured_and_nothing_looked_for() -> None:
    assert search(Capture(), []) == (0, 0)
    assert search(captured(noise(1000)), []) == (0, 0)
    assert found(Capture(), 1)[1] == 0
    assert found(captured(b"short"), 1)[1] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 48), st.integers(BYTE_WINDOW, 64))
def test_sixteen_bytes_in_a_row_are_found_wherever_they_are(before: int, start: int, length: int) -> None:
    """The window of a random canary: found if and only if a whole one is there."""
    whole = image(3).tobytes()
    part = whole[start : start + length]
    left, right = (bytes([byte ^ 1]) for byte in (whole[start - 1], whole[(start + length) % len(whole)]))
    around = noise(before) + left + part + right + noise(7)  # no byte beside it goes on as the image does
    searched, hit = search(captured(around), [list(forms(image(3), SCALE, b""))[:1]])
    assert hit == len(part) - BYTE_WINDOW + 1
    short = part[: BYTE_WINDOW - 1] + bytes([part[BYTE_WINDOW - 1] ^ 1])
    cut = captured(noise(before) + left + short + bytes(30))
    assert search(cut, [list(forms(image(3), SCALE, b""))[:1]]) == (searched, 0)
