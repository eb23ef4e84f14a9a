"""The survive bench: its platter forgets what was not synced, its ledger counts, and it notices what is planted."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ganglion.bench import survive_full, survive_power, survive_rows
from ganglion.bench.survive import Size, parts, together
from ganglion.bench.survive_disk import SECTOR_BYTES, FailingDisk, Image
from ganglion.bench.survive_fleet import Verdict, begin, fleet
from ganglion.bench.survive_rows import Faults
from ganglion.core.fleet import NodeId
from ganglion.core.rng import stream


def test_a_platter_keeps_what_was_synced_and_any_of_the_rest() -> None:
    image, seen = Image(bytearray(), bytearray()), set[bytes]()
    image.write(0, b"a" * 4 * SECTOR_BYTES)
    image.sync()
    image.write(SECTOR_BYTES, b"b" * 2 * SECTOR_BYTES)
    for turn in range(40):
        left = image.left(stream(1, turn))
        assert left is not None and left[:SECTOR_BYTES] == b"a" * SECTOR_BYTES and left[-1:] == b"a"
        seen.add(left)
    assert len(seen) == 4, "two sectors, each old or new"
    image.sync()
    assert image.left(stream(1, 0)) == bytes(image.seen)


def test_a_name_that_was_never_synced_may_be_missing() -> None:
    image = Image(bytearray(), bytearray(), named=False)
    image.write(0, b"x")
    assert {image.left(stream(2, turn)) is None for turn in range(20)} == {True, False}


def test_sqlite_writes_through_the_shim_and_goes_on_without_it(tmp_path: Path) -> None:
    with FailingDisk() as disk:
        disk.begin(10**6, stream(3, "any"))
        database = sqlite3.connect(tmp_path / "one.db")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (1)")
        database.commit()
        database.close()
        (image,) = (image for path, image in disk.files.items() if path.endswith("one.db"))
        assert bytes(image.synced) == (tmp_path / "one.db").read_bytes() and not image.dirty
    files = set(disk.files)
    again = sqlite3.connect(tmp_path / "one.db")
    assert again.execute("SELECT x FROM t").fetchone() == (1,)
    again.close()
    assert set(disk.files) == files


def test_full_loses_nothing_and_normal_is_seen_to_lose() -> None:
    full, normal, pragma = survive_power.rows(40, 5)
    assert full["ok"] and full["lost"] == full["torn"] == 0 and full["messages"] > 20
    assert normal["ok"] and normal["lost"] > 0
    assert pragma["ok"]


def test_the_ledger_counts_every_message_once() -> None:
    story, device = begin(1, fleet(1, 1)), NodeId("device-1-1")
    for _ in range(3):
        story.offer(device)
        story.world.rest(1.0)
    story.offer(device)
    story.kill(device)  # before it was told anything
    story.world.rest(1.0)
    story.heal()
    assert story.settle(20.0)
    assert story.verdict() == Verdict(4, 3, 3, 0, 0, 1, 0)
    story.accepted.add("of nobody")
    assert story.verdict().lost == 1 and not story.verdict().whole


def test_parts_of_one_row_become_one() -> None:
    parts = [{"what": "a", "runs": 2, "ok": True, "why": ""}, {"what": "a", "runs": 3, "ok": False, "why": "b"}]
    assert together(parts) == [{"what": "a", "runs": 5, "ok": False, "why": "b"}]


def test_the_simulated_rows_hold_and_the_full_form_has_them_too() -> None:
    rows = together([row for part in parts(Size(20, 20, 2, 1, 1, 1, 300), 3) for row in part()])
    assert [row["what"] for row in rows if not row["ok"]] == []
    full = survive_full.run(True, 3)
    assert full["ok"] and {row["what"] for row in rows} == {row["what"] for row in full["rows"]}


def test_the_rows_of_many_runs_are_of_all_that_was_played() -> None:
    verdict = {"offered": 10, "accepted": 9, "delivered": 9, "given_up": 0, "lost": 0, "unknown": 1, "twice": 0}
    one = survive_rows.Played(5, 5, verdict, {"edge": [0.3] * 5, "link": [0.1] * 5}, {"kept": 1}, [1.0] * 5, (0.2, 1.0))
    bad = replace(one, verdict={**verdict, "lost": 1}, back_s={"edge": [0.4] * 4 + [70.0]}, first_s=[3.0] * 5)
    good = {row["what"]: row for row in survive_rows.rows([one, one], True)}
    assert all(row["ok"] for row in good.values())
    assert good["live: 10 kill -9 and 10 broken links among real processes"]["messages"] == 20
    missed = {row["what"] for row in survive_rows.rows([one, bad], True) if not row["ok"]}
    assert missed == {
        "live: 10 kill -9 and 10 broken links among real processes",
        "P3: back after kill -9 of the edge",
        "first answer with the cloud down, from process start",
    }


@pytest.mark.live
@pytest.mark.slow
def test_real_processes_survive_kill_9() -> None:
    played = survive_rows.play(Faults(2, 50.0, 5, 4, 1, 0, 200), 7)
    rows = list(survive_rows.rows([played], False))
    assert [row for row in rows if not row["ok"]] == []
    seen = played.verdict
    assert seen["offered"] >= 200 and seen["offered"] == seen["delivered"] + seen["lost"] + seen["unknown"]
    assert played.kills >= 6 and played.cuts == 4 and set(played.back_s) == set(survive_rows.BARS)
