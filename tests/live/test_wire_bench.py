"""The wire bench: its peers really answer, in processes of their own, and its bars can be missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from wire_fleet import admit

from ganglion.bench.wire import BARS, SIZES, Pair, _row
from ganglion.core.fleet import NodeId
from ganglion.core.label import Zone
from ganglion.live.identity.authority import create_authority


@pytest.mark.parametrize("kind", ["ours", "raw"])
def test_peers_answer(tmp_path: Path, kind: str) -> None:
    admit(create_authority(tmp_path / "cloud"), NodeId("edge"), Zone.EDGE, tmp_path / "edge")
    with Pair(kind, tmp_path) as pair:
        for size_bytes in SIZES.values():
            assert all(seconds > 0.0 for seconds in pair.time(size_bytes, 2))
            assert len(pair.time(size_bytes, 3)) == 3


@pytest.mark.parametrize("size", list(BARS))
def test_the_bars_hold_or_do_not(size: str) -> None:
    of_raw, of_grpc = BARS[size]
    good = {"raw": [1.0], "grpc": [of_raw / of_grpc], "ours": [of_raw]}
    assert _row(size, good)["ok"]
    assert not _row(size, {**good, "raw": [0.9]})["ok"]
    assert not _row(size, {**good, "grpc": [0.9 * of_raw / of_grpc]})["ok"]
