"""What a long bench keeps is found again by the same code and seed alone; and pictures as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganglion.bench.kept import Kept
from ganglion.bench.oracle_pictures import DECLARED_HEAD_BYTES, coded, decoded, encoded
from ganglion.core.errors import Corrupt, NotFound
from ganglion.core.rng import stream


def test_what_was_kept_is_found_by_the_same_seed_alone(tmp_path: Path) -> None:
    kept = Kept("oracle", 7, ("core",), tmp_path)
    assert kept.get("nin 5.85 Mbit/s, x4") is None
    kept.put("nin 5.85 Mbit/s, x4", {"regret": 0.25})
    assert Kept("oracle", 7, ("core",), tmp_path).get("nin 5.85 Mbit/s, x4") == {"regret": 0.25}
    assert Kept("oracle", 8, ("core",), tmp_path).get("nin 5.85 Mbit/s, x4") is None
    assert Kept("uplinks", 7, ("core",), tmp_path).get("nin 5.85 Mbit/s, x4") is None
    with pytest.raises(ValueError):
        kept.put("nan", {"regret": float("nan")})
    assert kept.get("nan") is None


def test_code_that_a_bench_reads_and_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"core/gone\.py, which is not there"):
        Kept("oracle", 7, ("core", "core/gone.py"), tmp_path)


def test_other_code_finds_nothing(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "net.py").write_text("WIDTH = 1\n")
    Kept("oracle", 7, (str(code),), tmp_path).put("cell", {"regret": 0.25})
    assert Kept("oracle", 7, (str(code),), tmp_path).get("cell") == {"regret": 0.25}
    (code / "net.py").write_text("WIDTH = 2\n")
    assert Kept("oracle", 7, (str(code),), tmp_path).get("cell") is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept = Kept("oracle", 7, ("core",), tmp_path)
    kept.put("cell", {"regret": 0.25})
    (file,) = kept.folder.iterdir()
    file.write_text("{", "utf-8")
    with pytest.raises(Corrupt, match="delete it"):
        kept.get("cell")


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_picture_comes_back_as_large_as_it_went_and_close(form: str) -> None:
    waves = np.add.outer(np.sin(np.arange(64) / 9), np.cos(np.arange(48) / 7)) * 50 + 128
    pixels = (waves[..., None] + stream(7, "grain").normal(0, 4, (64, 48, 3))).astype(np.uint8)
    sizes = [len(encoded(pixels, form, quality)) for quality in (25, 95)]
    assert sizes[0] < sizes[1] < pixels.nbytes
    again = decoded(encoded(pixels, form, 95))
    assert again.shape == pixels.shape
    assert np.abs(again.astype(float) - pixels).mean() < 10


def test_without_the_data_the_bytes_are_said_to_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANGLION_DATA", raising=False)
    found = coded(224, 224, 7)
    assert found.how == "declared"
    assert found.size_bytes == DECLARED_HEAD_BYTES + round(0.4 * 224 * 224)
