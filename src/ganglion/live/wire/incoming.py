"""Frames from one connection, put together from its fragments: sizes are checked before memory is taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ProtocolError
from .frame import HEADER, Bytes, Header, Kind, header_of

Whole = tuple[Header, Bytes, NDArray[np.uint8], float]  # header, metadata, arrays, seconds since its first byte
NOTHING = np.empty(0, np.uint8)


class Incoming:
    """The receiving side of a connection. `window` is the credit granted to the peer, in bytes."""

    def __init__(self, most_data_bytes: int, window: int, now_s: Callable[[], float]) -> None:
        self.window = window
        self.received = 0  # bytes of parcels
        self._most_data_bytes = most_data_bytes
        self._now_s = now_s
        self._granted = window
        self._header: Header | None = None  # of the frame whose fragments are coming in
        self._meta = b""
        self._data = NOTHING
        self._at = 0
        self._began_s = 0.0

    def take(self, part: Bytes, last: bool) -> Whole | None:
        """One fragment; the whole frame with the last one. Raises ProtocolError for what breaks the rules."""
        header = self._header
        if header is None:
            header = self._checked(part)
            begin = HEADER.size + header.meta_bytes
            if last and header.data_bytes == len(part) - begin:  # whole in one fragment: most frames are
                data = np.frombuffer(bytearray(part[begin:]), np.uint8) if header.data_bytes else NOTHING
                return header, part[HEADER.size : begin], data, 0.0
            self._begin(header, part)
        else:
            self._fill(part)
        if not last:
            return None
        self._header = None
        if self._at != header.data_bytes:
            raise ProtocolError(f"a frame announces {header.data_bytes} bytes of arrays but carries {self._at}")
        return header, self._meta, self._data, self._now_s() - self._began_s

    def due(self) -> int | None:
        """The credit to grant now, if enough has been taken in; small frames share one grant."""
        if self.received + self.window - self._granted < self.window // 2:
            return None
        self._granted = self.received + self.window
        return self._granted

    def _checked(self, part: Bytes) -> Header:
        header = header_of(part, self._most_data_bytes)
        if HEADER.size + header.meta_bytes > len(part):
            raise ProtocolError(f"a frame's metadata of {header.meta_bytes} bytes is not in its first fragment")
        if header.kind is Kind.PARCEL:
            self.received += header.frame_bytes
            if self.received > self._granted:
                raise ProtocolError(
                    f"a frame of {header.frame_bytes} bytes is over the credit; the peer must wait for a grant"
                )
        return header

    def _begin(self, header: Header, part: Bytes) -> None:
        begin = HEADER.size + header.meta_bytes
        self._header, self._at, self._began_s = header, 0, self._now_s()
        self._meta = bytes(part[HEADER.size : begin])
        self._data = np.empty(header.data_bytes, np.uint8)
        self._fill(part[begin:])

    def _fill(self, part: Bytes) -> None:
        end = self._at + len(part)
        if end == self._at:
            return
        if end > len(self._data):
            raise ProtocolError(f"a frame announces {len(self._data)} bytes of arrays but carries more")
        self._data.data[self._at : end] = part
        self._at = end
