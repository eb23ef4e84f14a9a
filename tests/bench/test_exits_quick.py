"""The benches of exits: their small runs keep their bars, and what they count is what happened."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ganglion.bench import exits, tiers
from ganglion.bench.exits_data import TESTS, parts
from ganglion.bench.exits_nets import Recipe, trained
from ganglion.bench.exits_run import cut
from ganglion.bench.tiers_pictures import coded, scan_bytes
from ganglion.bench.tiers_run import everywhere, packed, travel
from ganglion.core.errors import NotFound
from ganglion.engine.torch.branch_fit import answers
from ganglion.pack import unpack


def test_parts_share_no_picture_and_the_seed_decides_them() -> None:
    data, again, other = parts("digits", 1), parts("digits", 1), parts("digits", 2)
    sizes = [len(part.y) for part in (data.train, data.held, data.test)]
    assert sizes == [797, 500, 500] and data.train.x.shape == (797, 1, 28, 28)
    assert (data.test.pixels == again.test.pixels).all() and (data.test.pixels != other.test.pixels).any()
    assert parts("digits32", 1).test.x.shape == (500, 3, 32, 32)


def test_a_missing_data_set_and_a_missing_network_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANGLION_DATA", raising=False)
    with pytest.raises(NotFound, match="GANGLION_DATA is not set"):
        parts("mnist", 0)
    with pytest.raises(NotFound, match="run benches in a checkout"):
        Recipe("exits_nothing", "build", 1).build()


def test_published_test_sets_stay_apart(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANGLION_DATA", str(data))
    found = parts("cifar10", 0)
    assert len(found.test.y) == 5000 and len(found.train.y) + len(found.held.y) == 15_000
    assert (np.bincount(found.test.y) == 500).all() and TESTS["cifar10"] == slice(0, 5000)


def test_what_was_trained_once_is_read_again(tmp_path: Path) -> None:
    data = parts("digits32", 1)
    x, y = data.train.x[:64], data.train.y[:64]
    recipe = Recipe("exits_alexnet", "build", 1, (0.3, 0.5, 1.0), 0.25)
    grown = Recipe("exits_tiers", "tiers", 1, (0.3, 0.5, 1.0), parent=recipe)
    made = trained(grown, x, y, 3, tmp_path)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(files) == 2  # the parent's weights too
    again = trained(grown, x, y, 3, tmp_path)
    assert files == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for one, other in zip(answers(made, x), answers(again, x), strict=True):
        assert (one == other).all()
    trained(grown, x, y, 4, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    travels(made, x, y)


def travels(module: Any, x: NDArray[np.float32], y: NDArray[np.int64]) -> None:
    """What travels is what the next place is given, and is counted."""
    made = cut(module, answers(module, x), y, x)
    boundary = made.stages[0](x)[1]
    blobs = packed(boundary)
    again = np.stack([unpack(blob).reshape(boundary.shape[1:]) for blob in blobs])
    np.testing.assert_allclose(again, boundary, atol=1e-6)
    assert set(np.unique(boundary)) <= {0.0, 1.0, 2.0, 3.0} and len(blobs[0]) < boundary[0].size / 4 + 32
    never, always = travel(made, x, (2.0, 2.0)), travel(made, x, (0.0, 0.0))
    assert (never.at == 2).all() and never.bytes_up[0] == np.mean([len(blob) for blob in blobs])
    assert (always.at == 0).all() and always.bytes_up == (0.0,)
    assert (never.says == everywhere(made, x)[-1].argmax(-1)).all()
    assert (travel(made, x, (2.0, 2.0), last=0).at == 0).all()


def test_a_jpeg_without_heads_is_its_scan() -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels[0].transpose(1, 2, 0)).save(held, "JPEG", quality=90)
    raw = held.getvalue()
    start = len(raw) - 2 - scan_bytes(raw)
    assert raw[-2:] == b"\xff\xd9" and raw[start - 12 - 2 : start - 12] == b"\xff\xda"  # of three components
    small, large = coded(pixels, "JPEG", 10), coded(pixels, "JPEG", 90)
    assert small.mean_bytes < large.mean_bytes < len(raw)
    assert np.abs(large.pixels.astype(int) - pixels).mean() < np.abs(small.pixels.astype(int) - pixels).mean()


@pytest.mark.slow
@pytest.mark.parametrize("bench", [exits, tiers], ids=["exits", "tiers"])
def test_the_quick_bench_keeps_its_bars(bench: Any) -> None:
    found = bench.run(quick=True, seed=7)
    assert found["ok"], [row for row in found["rows"] if row.get("ok") is False]
    assert sum("ok" in row for row in found["rows"]) >= 3
