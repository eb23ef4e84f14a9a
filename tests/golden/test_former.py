"""Two versions side by side: what the former one wrote is read, what this one writes holds all that the former reads.

`bodies_former.txt` is `bodies.txt` as an earlier ganglion of the same formats wrote it; it is never written anew, only
replaced when a version is released.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_bodies import CODEC, GOLDEN

from ganglion.core.codec import FORMAT, Codec, Unknown, known, name_of
from ganglion.core.errors import ProtocolError
from ganglion.core.update import Statistic

FILE = Path(__file__).with_name("bodies_former.txt")
FORMER = dict(line.rsplit(" ", 1) for line in FILE.read_text("ascii").splitlines())


@dataclass(frozen=True)
class Novelty:
    """A body of a version to come."""

    number: int


def fields(raw: bytes) -> Any:
    """A body as it lies in bytes, without its types."""
    return msgspec.msgpack.decode(raw)[2]


def missing(former: Any, now: Any, path: str = "") -> list[str]:
    """Fields that the former version wrote, and reads, and this one does not write any more."""
    if isinstance(former, dict) and isinstance(now, dict):
        gone = [f"{path}.{name}" for name in former if name not in now]
        return gone + [
            one for name in former if name in now for one in missing(former[name], now[name], f"{path}.{name}")
        ]
    if isinstance(former, list) and isinstance(now, list):
        return [
            one
            for place, (a, b) in enumerate(zip(former, now, strict=False))
            for one in missing(a, b, f"{path}[{place}]")
        ]
    return []


@pytest.mark.parametrize("name", sorted(FORMER))
def test_what_the_former_version_wrote_is_read(name: str) -> None:
    assert name_of(type(CODEC.decode(bytes.fromhex(FORMER[name])))) == name


@pytest.mark.parametrize("name", sorted(FORMER))
def test_what_is_written_today_holds_all_that_the_former_version_knows(name: str) -> None:
    former, now = bytes.fromhex(FORMER[name]), bytes.fromhex(GOLDEN[name])
    assert missing(fields(former), fields(now)) == []


def test_a_field_that_is_not_known_here_is_left_out() -> None:
    raw = msgspec.msgpack.encode((FORMAT, name_of(Statistic), {"tier": 1, "samples": 3, "values": [], "novel": [1]}))
    codec = Codec([Statistic])
    assert codec.decode(raw) == Statistic(1, 3, ())
    with pytest.raises(ProtocolError, match="malformed"):
        codec.decode(msgspec.msgpack.encode((FORMAT, name_of(Statistic), {"tier": 1, "novel": [1]})))


def test_a_body_that_is_not_known_here_is_named_and_never_taken_for_another() -> None:
    raw = Codec([Novelty]).encode(Novelty(3))
    assert CODEC.hear(raw) == Unknown(name_of(Novelty))
    with pytest.raises(ProtocolError, match="Novelty' is unknown here; upgrade the older side"):
        CODEC.decode(raw)
    with pytest.raises(ProtocolError, match="upgrade"):
        known(CODEC.hear(raw))
