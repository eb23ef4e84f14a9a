"""One encoding of messages, work, results and flow states: on the wire, in the journal and in the simulator's sizes.

MessagePack of `[name, fields]`, checked against the dataclass's own types on the way in. Never code, never arrays. A
field that is added has a default: who does not know it leaves it out, or is read with it. Anything else raises FORMAT.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from .errors import ProtocolError

FORMAT = 1  # raised when a field changes its meaning; a reader refuses what it does not know


@dataclass(frozen=True)
class Unknown:
    """In place of a body that only a newer ganglion knows: the wire's, so that the link outlives it; never sent."""

    name: str


def known(body: Any) -> Any:
    """The body itself. Raises ProtocolError for one that only a newer ganglion knows."""
    if isinstance(body, Unknown):
        raise ProtocolError(f"a body named {body.name!r} is unknown here; upgrade the older side")
    return body


def name_of(kind: type) -> str:
    """How a body is called on the wire: its folder and its class, such as "round.Ask"."""
    folder = kind.__module__.split(".")[-2:-1]
    return ".".join([*folder, kind.__name__])


class Codec:
    """Encodes and decodes the dataclasses it was made with, and None."""

    def __init__(self, types: Iterable[type]) -> None:
        self._types: dict[str, type] = {}
        for kind in types:
            if self._types.setdefault(name_of(kind), kind) is not kind:
                raise ValueError(f"two bodies are named {name_of(kind)!r}; rename one")
        self._names = {kind: name for name, kind in self._types.items()}
        self._decoders: dict[str, msgspec.msgpack.Decoder[Any]] = {
            name: msgspec.msgpack.Decoder(kind) for name, kind in self._types.items()
        }
        self._encoder = msgspec.msgpack.Encoder()
        self._outer = msgspec.msgpack.Decoder(tuple[int, str, msgspec.Raw])

    @property
    def kinds(self) -> list[type]:
        """The same as their classes."""
        return [self._types[name] for name in self.names]

    @property
    def names(self) -> list[str]:
        """The bodies it knows."""
        return sorted(self._types)

    def encode(self, body: Any) -> bytes:
        """Bytes of a body."""
        if body is None:
            return self._encoder.encode((FORMAT, "", None))
        name = self._names.get(type(body))
        if name is None:
            raise ProtocolError(f"a {name_of(type(body))} cannot be sent or kept; list it in its flow's messages")
        return self._encoder.encode((FORMAT, name, body))

    def decode(self, raw: bytes | memoryview) -> Any:
        """The body behind bytes. Raises ProtocolError for anything that is not exactly one."""
        return known(self.hear(raw))

    def hear(self, raw: bytes | memoryview) -> Any:
        """The same for bytes of a neighbour, who may know more: Unknown in place of a body that is not known here."""
        try:
            version, name, fields = self._outer.decode(raw)
            if version != FORMAT:
                raise ProtocolError(f"a body of format {version}; this ganglion reads {FORMAT}: upgrade the older side")
            if name == "":
                return None
            decoder = self._decoders.get(name)
            return Unknown(name) if decoder is None else decoder.decode(fields)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProtocolError(f"a body of {len(raw)} bytes is malformed: {error}") from error
