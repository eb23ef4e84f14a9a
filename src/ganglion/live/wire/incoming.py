"""Frames from one connection, put together from its fragments: sizes are checked before memory is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.codec import Codec
from ...core.errors import ProtocolError
from .frame import HEADER, Bytes, Draft, Header, Kind, draft, header_of

Data = bytearray | NDArray[np.uint8]  # of all arrays of a frame, for nobody else to write to
Whole = tuple[Header, Bytes | Draft, Data, float]  # a Draft for parcels; seconds since its first byte
NOTHING = np.empty(0, np.uint8)


class Incoming:
    """The receiving side of a connection. `window` is the credit granted to the peer, in bytes."""

    def __init__(self, most_data_bytes: int, window: int, now_s: Callable[[], float], codec: Codec) -> None:
        self.half = window // 2
        self.fresh = 0  # bytes taken in since the last grant; small parcels share one
        self._received = 0  # bytes of all parcels
        self._most_data_bytes = most_data_bytes
        self._now_s = now_s
        self._codec = codec
        self._granted = 2 * self.half
        self._header: Header | None = None  # of the frame whose fragments are coming in
        self._meta: Bytes | Draft = b""
        self._data = NOTHING
        self._at = 0
        self._began_s = 0.0

    def take(self, part: Bytes, last: bool) -> Whole | None:
        """One fragment; the whole frame with the last one. Raises ProtocolError for what breaks the rules."""
        header = self._header
        if header is None:
            header = header_of(part, self._most_data_bytes)
            begin, data_bytes = HEADER.size + header.meta_bytes, header.data_bytes
            if begin > len(part):
                raise ProtocolError(f"a frame's metadata of {header.meta_bytes} bytes is not in its first fragment")
            meta: Any = part[HEADER.size : begin]
            if header.kind is Kind.PARCEL:
                self._charge(begin + data_bytes)
                meta = draft(header, meta, self._codec)  # while its arrays are on their way
            if last and data_bytes == len(part) - begin:  # whole in one fragment: most frames are
                data = bytearray(part[begin:]) if data_bytes else NOTHING
                return header, meta, data, 0.0
            self._header, self._meta, self._at, self._began_s = header, meta, 0, self._now_s()
            self._data = np.empty(data_bytes, np.uint8)
            self._fill(part[begin:])
        else:
            self._fill(part)
        if not last:
            return None
        self._header = None
        if self._at != header.data_bytes:
            raise ProtocolError(f"a frame announces {header.data_bytes} bytes of arrays but carries {self._at}")
        return header, self._meta, self._data, self._now_s() - self._began_s

    def grant(self) -> int:
        """The bytes that the peer may have sent in all; call it when `fresh` has reached `half`."""
        self.fresh = 0
        self._granted = self._received + 2 * self.half
        return self._granted

    def _charge(self, size_bytes: int) -> None:
        self.fresh += size_bytes
        self._received += size_bytes
        if self._received > self._granted:
            raise ProtocolError(f"a frame of {size_bytes} bytes is over the credit; the peer must wait for a grant")

    def _fill(self, part: Bytes) -> None:
        end = self._at + len(part)
        if end == self._at:
            return
        if end > len(self._data):
            raise ProtocolError(f"a frame announces {len(self._data)} bytes of arrays but carries more")
        self._data.data[self._at : end] = part
        self._at = end
