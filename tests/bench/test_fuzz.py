"""The fuzzer finds what is planted, by coverage; the decoders of the package stand it."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.bench.fuzz import MOST_BYTES, Coverage, Found, Target, Walk, fuzz, mutate
from ganglion.bench.fuzz_targets import targets
from ganglion.bench.hostile import FLAT, read_by, row
from ganglion.bench.hostile_identities import identities, manifests
from ganglion.bench.kept import PACKAGE
from ganglion.core.blob import arrays_to_bytes, tensors_of_bytes
from ganglion.core.codec import Codec
from ganglion.core.errors import Corrupt, ProtocolError
from ganglion.live.identity.authority import create_authority

PLANTED = """
leak = []

def deep(raw):
    if raw[:1] == b"a":
        if raw[1:2] == b"b":
            if raw[2:3] == b"c":
                if raw[3:4] == b"d":
                    raise KeyError("the planted bug")
    raise ValueError("no")

def stuck(raw):
    if raw[:1] == b"!":
        while True:
            pass

def leaky(raw):
    leak.append(bytearray(100_000))
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with bugs, found by its name."""
    (tmp_path / "planted_bugs.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("planted_bugs", None)
    __import__("planted_bugs")
    return "planted_bugs"


def target(module: str, name: str, seed: bytes = b"....") -> Target:
    """One of the planted decoders."""
    return Target(name, getattr(sys.modules[module], name), (ValueError,), [seed], (module,))


def test_a_bug_behind_four_bytes_is_found_by_coverage(planted: str) -> None:
    found = fuzz(target(planted, "deep"), 60_000, 2)  # by chance alone it would take 2^32
    assert found.crashes and found.crashes[0].startswith("KeyError: 'the planted bug' <- 61626364")
    assert found.corpus >= 4 and found.arcs > 4


def test_the_same_seed_finds_the_same(planted: str) -> None:
    first, again = (fuzz(target(planted, "deep"), 5000, 3) for _ in range(2))
    assert (first.crashes, first.arcs, first.corpus) == (again.crashes, again.arcs, again.corpus)


def test_a_hang_is_ended_and_told(planted: str) -> None:
    found = fuzz(target(planted, "stuck", b"!"), 1, 7)
    assert found.crashes[0].startswith("Hang: more than 1 s <- 21")


def test_memory_that_grows_misses_the_bar(planted: str) -> None:
    one = target(planted, "leaky")
    seen = row(one, fuzz(one, 2000, 7))
    assert seen["rss_growth"] > FLAT and not seen["ok"]


def test_tracing_is_put_back(planted: str) -> None:
    before = sys.gettrace()
    coverage = Coverage([str(sys.modules[planted].__file__)])
    assert coverage.is_new(lambda: None) is False
    with pytest.raises(ValueError, match="no"):
        coverage.is_new(lambda: sys.modules[planted].deep(b"x"))
    assert sys.gettrace() is before


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 1000))
def test_a_mutation_is_bounded_and_repeatable(raw: bytes, other: bytes, seed: int) -> None:
    made = [mutate(raw, other, (b"word",), random.Random(seed)) for _ in range(2)]
    assert made[0] == made[1] and len(made[0]) <= MOST_BYTES


def test_every_decoder_stands_a_thousand_inputs(tmp_path: Path) -> None:
    create_authority(tmp_path)
    for one in targets(tmp_path):
        found = fuzz(one, 1000, 11, traced=2)
        assert found.crashes == [], one.name
        assert found.accepted >= 1 and found.arcs > 1, one.name


def test_no_changed_manifest_and_no_bad_identity_is_let_in(tmp_path: Path) -> None:
    create_authority(tmp_path / "cloud")
    seen = manifests(tmp_path / "cloud", 100, 7, mutate)
    assert seen["ok"] and seen["inputs"] > 3 * 64
    rows = identities(tmp_path / "identities")
    assert [one["what"] for one in rows if not one["ok"]] == [] and len(rows) >= 11


@pytest.mark.parametrize("raw", [b"\x93\x01\xa5x\xffAsk\x90", b"\x93\x01\xa1x" + b"\x91" * 5000])
def test_a_name_that_is_no_text_and_deep_nesting_are_malformed(raw: bytes) -> None:
    """Found by the fuzzer: both came through as other errors."""
    with pytest.raises(ProtocolError, match="malformed"):
        Codec([Found]).decode(raw)


def test_weights_without_numbers_are_corrupt() -> None:
    """Found by the fuzzer: an IndexError."""
    import numpy as np

    with pytest.raises(Corrupt, match="without a number"):
        tensors_of_bytes(arrays_to_bytes({"w": np.zeros(1, np.float32)}))


def test_a_walk_goes_on_in_another_process_where_it_stood(planted: str) -> None:
    whole = Walk(target(planted, "deep"), 3, traced=2)
    first = Walk(target(planted, "deep"), 3, traced=2)
    for _ in range(3):
        whole.go(1500)
    first.go(1500)
    second = Walk(target(planted, "deep"), 3, 2, json.loads(json.dumps(first.kept())))
    second.go(1500)
    second.go(1500)
    assert second.found.inputs == 4500 and second.corpus == whole.corpus
    assert second.coverage.seen == whole.coverage.seen and second.found.accepted == whole.found.accepted


def test_what_is_kept_of_a_decoder_stands_on_its_own_code(tmp_path: Path) -> None:
    create_authority(tmp_path)
    read = {one.name: read_by(one) for one in targets(tmp_path)}
    assert read["bodies of the codec"] == ("core/codec.py",)
    assert all(files and all((PACKAGE / file).is_file() for file in files) for files in read.values())
    assert len(read) == 14


def test_an_empty_packed_tensor_with_huge_axes_is_refused() -> None:
    """Found by the fuzzer: a ValueError of numpy, for no array may have such a shape though it holds nothing."""
    from ganglion.pack import unpack

    with pytest.raises(ProtocolError, match="over the limit"):
        unpack(bytes.fromhex("47504b310020020300000000aafeff47504b31ff"), 1 << 16)
