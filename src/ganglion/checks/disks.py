"""What every Disk must do, simulated or real. Each check takes a way to make a fresh one and raises AssertionError."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import Corrupt, NotFound
from ..core.label import Form, Label, Tier
from ..core.ports import Change, Disk, Drop, Put
from ..core.ref import Ref

PUBLIC, PRIVATE = Label(Tier.PUBLIC, Form.RAW), Label(Tier.USER, Form.RAW)
BYTES = bytes(range(256)) * 40


@dataclass(frozen=True)
class Case:
    """A fresh disk and its world."""

    disk: Disk
    settle: Callable[[], None]  # lets the world go on until every commit so far has told
    reopen: Callable[[], Disk]  # stops the node in an orderly way and opens what it left


Make = Callable[[], Case]


def commits_tell_once_in_order(make: Make) -> None:
    """Each commit tells once, in the order asked; a change of none tells too."""
    case, told = make(), list[int]()
    for number in range(150):
        changes = [Put("t", str(number), b"x")] if number % 7 else []
        case.disk.commit(changes, lambda number=number: told.append(number))  # type: ignore[misc]
    case.settle()
    case.settle()
    assert told == list(range(150)), f"150 commits told {told}"


def a_told_commit_is_read_whole(make: Make) -> None:
    """When a commit tells, all of its rows and all earlier ones are read; rows come in the order put."""
    case = make()
    seen: list[list[str]] = []
    for number in range(5):
        changes: list[Change] = [Put("t", f"{number}.{part}", b"x") for part in range(3)]
        case.disk.commit(changes, lambda: seen.append([row.key for row in case.disk.scan("t")]))
    case.settle()
    keys = [f"{number}.{part}" for number in range(5) for part in range(3)]
    for number, found in enumerate(seen):
        assert found == keys[: len(found)] and len(found) >= 3 * (number + 1) and len(found) % 3 == 0, found


def scan_goes_on_after_an_id(make: Make) -> None:
    """Ids grow; `after` skips what was seen; tables are apart; data come back as they were."""
    case = make()
    _commit(case, [Put("a", "1", b"\0\xff"), Put("b", "1", b""), Put("a", "2", b"two"), Put("a", "1", b"again")])
    rows = list(case.disk.scan("a"))
    assert [(row.key, row.data) for row in rows] == [("1", b"\0\xff"), ("2", b"two"), ("1", b"again")], rows
    assert [row.id for row in rows] == sorted({row.id for row in rows}), rows
    assert list(case.disk.scan("a", after=rows[0].id)) == rows[1:]
    assert not list(case.disk.scan("a", after=rows[-1].id)) and not list(case.disk.scan("none"))
    assert [row.data for row in case.disk.scan("b")] == [b""]


def replace_and_drop_go_by_key(make: Make) -> None:
    """`replace` leaves one row of that key, under a new id; Drop removes all of it, in its table alone."""
    case = make()
    _commit(case, [Put("t", "k", b"1"), Put("t", "k", b"2"), Put("t", "other", b"o"), Put("u", "k", b"u")])
    before = max(row.id for row in case.disk.scan("t"))
    _commit(case, [Put("t", "k", b"3", replace=True)])
    assert [(row.key, row.data) for row in case.disk.scan("t")] == [("other", b"o"), ("k", b"3")]
    assert [row.data for row in case.disk.scan("t", after=before)] == [b"3"], "what was replaced is to be seen again"
    _commit(case, [Drop("t", "k"), Drop("t", "absent")])
    assert [row.key for row in case.disk.scan("t")] == ["other"]
    assert [row.key for row in case.disk.scan("u")] == ["k"]


def changes_apply_in_order(make: Make) -> None:
    """Within one commit a later change sees the earlier ones, and ids are never given twice."""
    case = make()
    _commit(case, [Put("t", "k", b"1"), Drop("t", "k"), Put("t", "k", b"2")])
    (row,) = case.disk.scan("t")
    assert row.data == b"2"
    _commit(case, [Drop("t", "k")])
    _commit(case, [Put("t", "k", b"3")])
    (after,) = case.disk.scan("t")
    assert after.id > row.id, "an id was given twice: whoever scans after it would miss the row"


def everything_told_is_there_after_a_restart(make: Make) -> None:
    """Rows with their ids, blobs, and the part of a blob that had arrived."""
    case = make()
    whole, coming = _ref(BYTES), _ref(BYTES[::-1], PRIVATE)
    _commit(case, [Put("t", "k", b"1"), Put("t", "l", b"2")])
    case.disk.put([BYTES], PUBLIC)
    held = case.disk.patch(coming, 0, BYTES[::-1][:5000])
    rows = list(case.disk.scan("t"))
    disk = case.reopen()
    assert list(disk.scan("t")) == rows
    assert disk.has(whole) and disk.get(whole) == BYTES
    assert held == 5000 and not disk.has(coming)
    assert disk.patch(coming, 5000, BYTES[::-1][5000:]) == len(BYTES)
    assert disk.get(coming) == BYTES[::-1]


def a_blob_is_named_by_its_bytes(make: Make) -> None:
    """However it is chunked, and under any label, the digest is of the plain bytes; the label is the putter's."""
    case = make()
    ways: tuple[list[bytes | memoryview], ...] = ([BYTES], [BYTES[:1], b"", memoryview(BYTES)[1:]])
    for label in (PUBLIC, PRIVATE):
        for chunks in ways:
            ref = case.disk.put(chunks, label)
            assert ref == Ref(hashlib.sha256(BYTES).hexdigest(), len(BYTES), label), ref
            assert case.disk.has(ref) and case.disk.get(ref) == BYTES
            assert case.disk.get(_ref(BYTES)) == BYTES, "bytes are found by digest whatever the label"
    empty = case.disk.put([], PRIVATE)
    assert empty.size_bytes == 0 and case.disk.get(empty) == b""


def a_part_of_a_blob_is_a_slice(make: Make) -> None:
    """`get(ref, start, size)` is `whole[start : start + size]`."""
    case = make()
    for label in (PUBLIC, PRIVATE):
        ref = case.disk.put([BYTES], label)
        for start, size in ((0, 10), (1, None), (5000, 5000), (len(BYTES) - 1, 9), (len(BYTES), 5), (3, 0), (0, None)):
            want = BYTES[start : None if size is None else start + size]
            assert case.disk.get(ref, start, size) == want, (label, start, size)


def what_is_absent_is_not_found(make: Make) -> None:
    """get raises NotFound, has is False, drop is silent."""
    case = make()
    for ref in (_ref(b"never"), _ref(b"never", PRIVATE), Ref("~node/request/x", 4, PUBLIC)):
        assert not case.disk.has(ref)
        case.disk.drop(ref)
        try:
            case.disk.get(ref)
        except NotFound:
            continue
        raise AssertionError("a blob that was never put was read")


def a_dropped_blob_is_gone(make: Make) -> None:
    """drop forgets the whole and what has arrived of one."""
    case = make()
    for label in (PUBLIC, PRIVATE):
        ref = case.disk.put([BYTES], label)
        case.disk.drop(ref)
        assert not case.disk.has(ref)
        assert case.disk.patch(ref, 0, BYTES[:100]) == 100
        case.disk.drop(ref)
        assert case.disk.patch(ref, 100, BYTES[100:]) == 0, "a part survived the drop"
        case.disk.drop(ref)


def patches_make_a_blob(make: Make) -> None:
    """A gap is left out, an overlap counts once, and the blob is there when whole and not before."""
    case = make()
    for label in (PUBLIC, PRIVATE):
        ref = _ref(BYTES, label)
        assert case.disk.patch(ref, 10, BYTES[10:20]) == 0
        assert case.disk.patch(ref, 0, BYTES[:4000]) == 4000
        assert case.disk.patch(ref, 3000, memoryview(BYTES)[3000:6000]) == 6000
        assert case.disk.patch(ref, 100, BYTES[100:200]) == 6000
        assert not case.disk.has(ref)
        assert case.disk.patch(ref, 6000, BYTES[6000:]) == len(BYTES)
        assert case.disk.has(ref) and case.disk.get(ref) == BYTES
        assert case.disk.patch(ref, 0, b"late") == len(BYTES) and case.disk.get(ref) == BYTES
        case.disk.drop(ref)
        empty = _ref(b"", label)
        assert case.disk.patch(empty, 0, b"") == 0 and case.disk.has(empty) and case.disk.get(empty) == b""
        case.disk.drop(empty)


def a_damaged_arrival_is_thrown_away(make: Make) -> None:
    """Wrong or too many bytes raise Corrupt; then nothing is held, and the right ones are taken."""
    case = make()
    for label in (PUBLIC, PRIVATE):
        ref = _ref(BYTES, label)
        for wrong in (b"\1" + BYTES[1:], BYTES + b"more"):
            case.disk.patch(ref, 0, wrong[:9000])
            try:
                case.disk.patch(ref, 9000, wrong[9000:])
            except Corrupt:
                assert not case.disk.has(ref)
            else:
                raise AssertionError("bytes with another digest were taken for the blob")
        assert case.disk.patch(ref, 0, BYTES[:1]) == 1
        assert case.disk.patch(ref, 1, BYTES[1:]) == len(BYTES) and case.disk.get(ref) == BYTES
        case.disk.drop(ref)


def the_label_is_the_most_private_one(make: Make) -> None:
    """However bytes are asked for, and in whichever order they were kept, they are what they were at most kept as."""
    for labels in ((PUBLIC, PRIVATE), (PRIVATE, PUBLIC)):
        case, ref = make(), _ref(BYTES)
        for place, label in enumerate(labels):
            case.disk.put([BYTES], label)
            most = max(labels[: place + 1], key=lambda one: one.tier)
            assert case.disk.label(ref) == case.disk.label(_ref(BYTES, PRIVATE)) == most, (labels, place)
        case.disk.drop(ref)
        try:
            case.disk.label(ref)
        except NotFound:
            continue
        raise AssertionError("a blob that was dropped has a label")


CHECKS: tuple[Callable[[Make], None], ...] = (
    commits_tell_once_in_order,
    a_told_commit_is_read_whole,
    scan_goes_on_after_an_id,
    replace_and_drop_go_by_key,
    changes_apply_in_order,
    everything_told_is_there_after_a_restart,
    a_blob_is_named_by_its_bytes,
    a_part_of_a_blob_is_a_slice,
    what_is_absent_is_not_found,
    a_dropped_blob_is_gone,
    patches_make_a_blob,
    a_damaged_arrival_is_thrown_away,
    the_label_is_the_most_private_one,
)


def _commit(case: Case, changes: list[Change]) -> None:
    case.disk.commit(changes, lambda: None)
    case.settle()


def _ref(data: bytes, label: Label = PUBLIC) -> Ref:
    return Ref(hashlib.sha256(data).hexdigest(), len(data), label)
