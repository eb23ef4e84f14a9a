"""Golden bytes: one of everything that is sent, journalled, promised or signed. Bytes that change cut a fleet in two.

A node of yesterday must read what a node of today says, and a node of today the journal of yesterday. So if this test
fails and the change is meant, raise the format beside what was changed: `core/codec.py` for messages, work and facts,
`node/journal.py` for entries, `core/release.py` for manifests. Then write the bytes anew and look at the difference:

    python tests/golden/test_bodies.py
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from pathlib import Path
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import pytest

from ganglion.core import codec as codecs
from ganglion.core import release as releases
from ganglion.core.codec import name_of
from ganglion.core.errors import ProtocolError
from ganglion.node import journal as journals
from ganglion.node.bodies import all_bodies, make_codec

FILE = Path(__file__).with_name("bodies.txt")
FORMATS = {"codec": codecs.FORMAT, "journal": journals.FORMAT, "release": releases.FORMAT}
CODEC = make_codec()
BODIES = {name_of(kind): kind for kind in all_bodies()}


def example(kind: Any, name: str, depth: int = 0) -> Any:
    """One value of a type, always the same: texts say what they stand for, numbers are small and not equal."""
    if isinstance(kind, NewType):
        return example(kind.__supertype__, name, depth)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    plain = {str: f"a {name}", int: 2 + len(name), float: 0.5 + len(name), bool: True, bytes: name.encode()}
    if kind in plain:
        return plain[kind]
    parts = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return example(next(part for part in parts if part is not type(None)), name, depth)
    if get_origin(kind) is tuple:
        parts = parts[:1] * 2 if parts[-1] is ... else parts
        return tuple(example(part, f"{name} {place}", depth) for place, part in enumerate(parts))
    if get_origin(kind) is dict:
        return {example(parts[0], "key", depth): example(parts[1], name, depth)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        fields = [one for one in dataclasses.fields(kind) if one.init]
        return kind(**{one.name: example(hints[one.name], one.name, depth + 1) for one in fields})
    raise TypeError(f"{name} is a {kind}; say here what an example of it is")


def written() -> str:
    """The golden file as this version of ganglion would write it."""
    lines = [f"format {what} {number}" for what, number in FORMATS.items()]
    lines += [f"{name} {CODEC.encode(example(kind, name)).hex()}" for name, kind in sorted(BODIES.items())]
    return "\n".join(lines) + "\n"


def golden() -> dict[str, str]:
    """What the committed file says: name -> hex."""
    rows = [line.rpartition(" ") for line in FILE.read_text("ascii").splitlines()]
    return {name: value for name, _, value in rows}


GOLDEN = golden() if FILE.exists() else {}


def test_formats_are_those_that_the_bytes_were_written_with() -> None:
    assert {what: int(GOLDEN[f"format {what}"]) for what in FORMATS} == FORMATS


def test_every_body_has_golden_bytes() -> None:
    assert {name for name in GOLDEN if not name.startswith("format ")} == set(BODIES), "see the head of this file"


@pytest.mark.parametrize("name", sorted(BODIES))
def test_bytes_are_what_they_were(name: str) -> None:
    made = CODEC.encode(example(BODIES[name], name))
    assert made.hex() == GOLDEN.get(name), f"the bytes of {name} have changed; see the head of this file"


@pytest.mark.parametrize("name", sorted(BODIES))
def test_bytes_of_yesterday_are_read_today(name: str) -> None:
    raw = bytes.fromhex(GOLDEN[name])
    assert CODEC.decode(raw) == example(BODIES[name], name)
    with pytest.raises(ProtocolError):
        CODEC.decode(raw[:-1])


def test_an_example_fills_every_field() -> None:
    """No field is left at its default: a new one cannot slip in without new bytes."""
    for name, kind in BODIES.items():
        made = example(kind, name)
        for field in dataclasses.fields(kind):
            if field.default is not dataclasses.MISSING and not isinstance(field.default, (bool, enum.Enum)):
                assert getattr(made, field.name) != field.default, f"{name}.{field.name}"


def test_another_format_is_refused() -> None:
    name, raw = next((name, bytes.fromhex(GOLDEN[name])) for name in sorted(BODIES))
    other = bytes([raw[0], codecs.FORMAT + 1]) + raw[2:]  # an array of three, whose first is the format
    with pytest.raises(ProtocolError, match=f"format {codecs.FORMAT + 1}"):
        CODEC.decode(other)
    assert CODEC.decode(raw) == example(BODIES[name], name)


if __name__ == "__main__":
    FILE.write_text(written(), "ascii")
    sys.stdout.write(f"{FILE}: {len(BODIES)} bodies\n")
