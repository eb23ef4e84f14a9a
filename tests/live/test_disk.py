"""The real disk keeps the Disk contract, and the promises that only a real one can break."""

from __future__ import annotations

import hashlib
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganglion.checks import disks
from ganglion.core.errors import ConfigError, Corrupt, GanglionError, NotFound, ProtocolError, Refused
from ganglion.core.label import Form, Label, Tier
from ganglion.core.ports import Put
from ganglion.core.ref import Ref
from ganglion.live.disk import LiveBlobs, LiveDisk
from ganglion.live.disk.rows import Rows

PUBLIC, EDGE, USER = (Label(tier, Form.RAW) for tier in (Tier.PUBLIC, Tier.EDGE, Tier.USER))
SECRET = b"nobody may read this on the platter" * 100


class AesVault:
    """AES-GCM under one key, bound to the label."""

    def __init__(self, key: bytes = bytes(32)) -> None:
        self._aes = AESGCM(key)

    def sign(self, message: bytes) -> bytes:
        raise NotImplementedError

    def verify(self, message: bytes, signature: bytes) -> bool:
        raise NotImplementedError

    def seal(self, plain: bytes, label: Label) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._aes.encrypt(nonce, plain, repr(label).encode())

    def open(self, sealed: bytes, label: Label) -> bytes:
        try:
            return self._aes.decrypt(sealed[:12], sealed[12:], repr(label).encode())
        except InvalidTag:
            raise Corrupt("sealed bytes do not open under this key and label") from None


class Bench:
    """Real disks in one folder, whose calls are made when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.failures: list[str] = []
        self.disk = self.open()

    def open(self) -> LiveDisk:
        self.disk = LiveDisk(self.folder, AesVault(), self.calls.put, self.failures.append)
        return self.disk

    def reopen(self) -> LiveDisk:
        self.disk.close()
        return self.open()

    def settle(self) -> None:
        fence = threading.Event()
        self.disk.commit([], fence.set)
        while not fence.is_set():
            self.calls.get(timeout=10)()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "node")
    yield bench
    bench.disk.close()
    assert bench.failures == []


def blob_files(folder: Path) -> list[Path]:
    return sorted(path for name in ("blobs", "arriving") for path in (folder / name).rglob("*") if path.is_file())


def ref_of(data: bytes, label: Label = PUBLIC) -> Ref:
    return Ref(hashlib.sha256(data).hexdigest(), len(data), label)


@pytest.mark.parametrize("check", disks.CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[disks.Make], None], bench: Bench) -> None:
    check(lambda: disks.Case(bench.disk, bench.settle, bench.reopen))


def test_tell_comes_only_through_call_soon(bench: Bench) -> None:
    told: list[str] = []
    bench.disk.commit([Put("t", "k", b"")], lambda: told.append("k"))
    call = bench.calls.get(timeout=10)
    assert told == []
    call()
    assert told == ["k"]


def test_commits_survive_without_a_close(bench: Bench, tmp_path: Path) -> None:
    bench.disk.commit([Put("t", "k", b"1")], lambda: None)
    bench.settle()
    copy = sqlite3.connect(f"file:{bench.folder / 'state.db'}?mode=ro", uri=True)
    assert copy.execute("SELECT key, data FROM rows").fetchall() == [("k", b"1")]
    copy.close()


def test_close_writes_what_had_queued(bench: Bench) -> None:
    for number in range(500):
        bench.disk.commit([Put("t", str(number), bytes(100))], lambda: None)
    assert [row.key for row in bench.reopen().scan("t")] == [str(number) for number in range(500)]


def test_a_closed_disk_takes_no_more(tmp_path: Path) -> None:
    disk = LiveDisk(tmp_path / "node", None, lambda call: None)
    disk.close()
    with pytest.raises(GanglionError, match="closed"):
        disk.commit([], lambda: None)


def test_incarnation_is_of_the_database(bench: Bench, tmp_path: Path) -> None:
    first = bench.disk.incarnation
    assert len(bytes.fromhex(first)) == 16
    assert bench.reopen().incarnation == first
    other = LiveDisk(tmp_path / "other", None, lambda call: None)
    assert other.incarnation != first
    other.close()


def test_commits_from_many_threads_keep_each_threads_order(bench: Bench) -> None:
    def ask(name: int) -> None:
        for number in range(100):
            bench.disk.commit([Put("t", str(name), b"%d" % number)], lambda: None)

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.settle()
    rows = list(bench.disk.scan("t"))
    for name in range(4):
        assert [int(row.data) for row in rows if row.key == str(name)] == list(range(100))


def test_rows_that_cannot_be_kept_are_refused_at_once(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="blob"):
        bench.disk.commit([Put("t", "k", bytes((64 << 20) + 1))], lambda: None)
    with pytest.raises(UnicodeEncodeError):
        bench.disk.commit([Put("t", "\ud800", b"")], lambda: None)
    with pytest.raises(TypeError):
        bench.disk.commit([Put("t", "k", "text")], lambda: None)  # type: ignore[arg-type]
    bench.settle()


def test_commits_are_synced_in_full(tmp_path: Path) -> None:
    """kill -9 cannot show this: only a power loss could, and it must not."""
    rows = Rows(tmp_path / "state.db")
    for pragma, want in (("synchronous", 2), ("journal_mode", "wal")):
        assert rows._writer.execute(f"PRAGMA {pragma}").fetchone() == (want,)
    rows.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GanglionError, match="file/node"):
        LiveDisk(tmp_path / "file" / "node", None, lambda call: None)


def test_a_folder_has_one_node(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="in use by another node"):
        LiveDisk(bench.folder, None, lambda call: None)


@pytest.mark.parametrize("damage", ["header", "middle", "foreign", "newer"])
def test_a_database_that_cannot_be_trusted_is_not_opened(tmp_path: Path, damage: str) -> None:
    bench = Bench(tmp_path)
    for number in range(200):
        bench.disk.commit([Put("t", str(number), bytes(200))], lambda: None)
    bench.disk.close()
    path = tmp_path / "state.db"
    raw = bytearray(path.read_bytes())
    if damage in ("header", "middle"):
        at = 0 if damage == "header" else len(raw) // 2 // 4096 * 4096
        raw[at : at + 64] = b"\x5a" * 64
        path.write_bytes(raw)
    else:
        database = sqlite3.connect(path)
        database.execute("PRAGMA application_id = 1" if damage == "foreign" else "PRAGMA user_version = 99")
        database.close()
    with pytest.raises(Corrupt if damage in ("header", "middle") else ConfigError) as raised:
        bench.open()
    assert str(path) in str(raised.value) and ";" in str(raised.value)


def test_private_bytes_are_sealed_also_while_they_arrive(bench: Bench) -> None:
    for label in (EDGE, USER):
        bench.disk.put([SECRET], label)
        bench.disk.patch(ref_of(SECRET + b"!", label), 0, SECRET)
        for path in blob_files(bench.folder):
            assert SECRET[:16] not in path.read_bytes()
    bench.disk.put([SECRET], PUBLIC)
    assert all(SECRET[:16] not in path.read_bytes() for path in blob_files(bench.folder)), "the stricter copy stays"


def test_public_bytes_that_turn_private_are_sealed(bench: Bench) -> None:
    bench.disk.put([SECRET], PUBLIC)
    assert any(SECRET[:16] in path.read_bytes() for path in blob_files(bench.folder))
    bench.disk.patch(ref_of(SECRET, EDGE), 0, b"")
    assert all(SECRET[:16] not in path.read_bytes() for path in blob_files(bench.folder))
    assert bench.disk.get(ref_of(SECRET, EDGE)) == SECRET


def test_without_a_vault_private_bytes_are_refused(bench: Bench) -> None:
    ref = bench.disk.put([SECRET], USER)
    bare = LiveBlobs(bench.folder, None)
    with pytest.raises(Refused, match="vault"):
        bare.put([SECRET], USER)
    with pytest.raises(Refused, match="vault"):
        bare.get(ref)
    with pytest.raises(Refused, match="vault"):
        bare.patch(ref_of(b"x", USER), 0, b"x")
    assert bench.disk.get(ref) == SECRET
    assert not [path for path in blob_files(bench.folder) if path.suffix == ".new"]


def test_a_worker_shares_the_blobs(bench: Bench) -> None:
    worker = LiveBlobs(bench.folder, AesVault())
    ref = bench.disk.put([SECRET], USER)
    assert worker.get(ref) == SECRET
    made = worker.put([b"made by the worker"], PUBLIC)
    assert bench.disk.get(made) == b"made by the worker"


@pytest.mark.parametrize("label", [PUBLIC, USER])
@pytest.mark.parametrize("part", [False, True])
def test_a_damaged_blob_is_named_and_set_aside(bench: Bench, label: Label, part: bool) -> None:
    ref = bench.disk.put([SECRET], label)
    assert bench.disk.get(ref, 5, 10) == SECRET[5:15]
    (path,) = blob_files(bench.folder)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(Corrupt) as raised:
        bench.disk.get(ref, *((0, 10) if part else ()))
    assert str(path) in str(raised.value) and "fetch" in str(raised.value)
    assert not bench.disk.has(ref)
    bench.disk.put([SECRET], label)
    assert bench.disk.get(ref) == SECRET


def test_a_torn_sealed_part_goes_on_after_its_last_whole_frame(bench: Bench) -> None:
    ref = ref_of(SECRET, USER)
    bench.disk.patch(ref, 0, SECRET[:1000])
    bench.disk.patch(ref, 1000, SECRET[1000:2000])
    (path,) = blob_files(bench.folder)
    path.write_bytes(path.read_bytes()[:-3])
    disk = bench.reopen()
    assert disk.patch(ref, 2000, SECRET[2000:]) == 1000
    assert disk.patch(ref, 1000, SECRET[1000:]) == len(SECRET)
    assert disk.get(ref) == SECRET


def test_names_that_are_no_digests_touch_no_file(bench: Bench) -> None:
    for name in ("../../../etc/passwd", "A" * 64, "~a/b/c", ""):
        ref = Ref(name, 1, PUBLIC)
        assert not bench.disk.has(ref)
        with pytest.raises(NotFound):
            bench.disk.get(ref)
        with pytest.raises(ProtocolError, match="64 hex"):
            bench.disk.patch(ref, 0, b"x")
    assert blob_files(bench.folder) == []


def test_a_put_that_breaks_off_leaves_nothing(bench: Bench) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionError("the rest did not come")

    with pytest.raises(ConnectionError):
        bench.disk.put(broken(), PUBLIC)
    assert blob_files(bench.folder) == []
    (bench.folder / "arriving" / "0.new").write_bytes(b"left by a killed process")
    bench.reopen()
    assert blob_files(bench.folder) == []


def test_a_broken_medium_is_told_as_our_error(bench: Bench) -> None:
    ref = bench.disk.put([b"x"], PUBLIC)
    (path,) = blob_files(bench.folder)
    path.unlink()
    path.mkdir()
    with pytest.raises(GanglionError, match="check the medium"):
        bench.disk.get(ref)
    path.rmdir()


@given(
    data=st.binary(max_size=300),
    private=st.booleans(),
    cuts=st.lists(st.tuples(st.integers(0, 320), st.integers(0, 320)), max_size=12),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_patches_gives_the_blob(
    bench: Bench, data: bytes, private: bool, cuts: list[tuple[int, int]]
) -> None:
    """Held bytes are always a prefix, never shrink, and a last patch of all makes the blob."""
    ref, held = ref_of(data, USER if private else PUBLIC), 0
    bench.disk.drop(ref)
    for start, size in cuts:
        now = bench.disk.patch(ref, start, data[start : start + size])
        reach = min(start + size, len(data))
        assert now == (max(held, reach) if start <= held else held)
        held = now
    assert bench.disk.patch(ref, 0, data) == len(data)
    assert bench.disk.get(ref) == data
