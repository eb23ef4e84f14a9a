"""The demo's data are what they claim to be: apart, exact, and checked before they are believed."""

from __future__ import annotations

import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest

from ganglion.core.errors import ConfigError, Corrupt, NotFound
from ganglion.core.label import Tier
from ganglion.demo.project.data import Split, from_bytes, split, to_bytes
from ganglion.demo.project.files import CIFAR10, MNIST

PARTS = ("train", "calibration", "site_a", "site_b", "test")


def test_digits_have_the_declared_parts() -> None:
    made = split("digits", seed=1)
    assert [len(getattr(made, part)) for part in PARTS] == [600, 200, 300, 300, 397]
    assert [getattr(made, part).tier for part in PARTS] == [0, 0, Tier.EDGE, Tier.EDGE, 0]
    for part in PARTS:
        one = getattr(made, part)
        assert one.x.shape[1:] == (1, 8, 8) and one.x.dtype == np.float32
        assert one.x.min() == 0 and one.x.max() == 1
        assert sorted(set(one.y.tolist())) == list(range(10))


def images(made: Split) -> list[bytes]:
    return sorted(row.tobytes() for part in PARTS for row in getattr(made, part).x)


def test_every_image_is_in_one_part_and_the_seed_decides_which() -> None:
    one, two = split("digits", seed=1), split("digits", seed=2)
    assert len(images(one)) == 1797
    assert images(one) == images(two)
    assert not np.array_equal(one.train.x, two.train.x)
    assert np.array_equal(one.test.x, split("digits", seed=1).test.x)


def test_pixels_survive_as_bytes() -> None:
    raw = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_bytes(from_bytes(raw)), raw)
    assert to_bytes(np.array([-0.5, 1.5], np.float32)).tolist() == [0, 255]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"'fashion'.*cifar10.*digits.*mnist"):
        split("fashion", tmp_path)
    with pytest.raises(ConfigError, match="--data-dir"):
        split("mnist")
    for name, file in (("mnist", next(iter(MNIST))), ("cifar10", CIFAR10[0])):
        with pytest.raises(NotFound, match=f"data not there: no {file}"):
            split(name, tmp_path)
        (tmp_path / file).write_bytes(lzma.compress(b"not the published file"))
        with pytest.raises(Corrupt, match="SHA-256"):
            split(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "shape", "count"),
    [("mnist", "mnist", (1, 28, 28), 13_000), ("cifar10", "cifar10-jpeg", (3, 32, 32), 15_000)],
)
def test_larger_sets_load(data: Path, name: str, folder: str, shape: tuple[int, ...], count: int) -> None:
    if not (data / folder).is_dir():
        pytest.skip(f"no {folder} under GANGLION_DATA")
    made = split(name, data)
    assert made.train.x.shape[1:] == shape
    assert sum(len(getattr(made, part)) for part in PARTS) == count
    shares = np.bincount(made.train.y, minlength=10) / len(made.train)
    assert shares.min() > 0.08 and shares.max() < 0.13


def test_a_changed_file_is_noticed(data: Path, tmp_path: Path) -> None:
    if not (data / "mnist").is_dir():
        pytest.skip("no mnist under GANGLION_DATA")
    for file in MNIST:
        shutil.copy(data / "mnist" / file, tmp_path / file)
    raw = bytearray((tmp_path / "t10k-labels-idx1-ubyte.xz").read_bytes())
    raw[100] ^= 1
    (tmp_path / "t10k-labels-idx1-ubyte.xz").write_bytes(raw)
    with pytest.raises(Corrupt, match="t10k-labels"):
        split("mnist", tmp_path)
