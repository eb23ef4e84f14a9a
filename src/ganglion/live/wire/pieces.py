"""The answer to a Pull while it arrives: handed on part by part, so that what has come outlives connection and process.

A part is a Piece of its own, as if less had been asked for; the flow that asked cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from aiohttp import StreamReader
from numpy.typing import NDArray

from ...core.codec import Codec
from ...core.errors import ProtocolError
from ...core.ports import Parcel
from ...flow.fetch.messages import Piece, Pull, Push
from .frame import Header, draft, finish
from .transfer import Limits, answers, ended, fill

PART_BYTES = 64 * 1024  # handed on at once: the most that a killed process loses of what had come


@dataclass
class Pieces:
    """One answer under way; `data` is as large as it was announced."""

    parcel: Parcel
    body: Piece
    data: NDArray[np.uint8]
    given: int = 0

    @staticmethod
    def announced(asked: Pull | Push, head: tuple[Header, bytes], codec: Codec) -> Pieces:
        """From the head of an answer. Raises ProtocolError for one that answers something else."""
        data = np.empty(head[0].data_bytes, np.uint8)
        parcel = finish(draft(*head, codec), data, 0.0)
        body = parcel.body
        if not isinstance(body, Piece) or not isinstance(asked, Pull) or not answers(asked, body):
            raise ProtocolError(f"a {type(body).__name__} is no answer to this {type(asked).__name__}")
        if [ref for ref, _ in parcel.attached] != [body.data] or not 0 < len(data) <= asked.size:
            raise ProtocolError(f"a Piece of {len(data)} bytes came where {asked.size} were asked for")
        return Pieces(parcel, body, data)

    async def read(self, content: StreamReader, limits: Limits, take: Callable[[Parcel], None]) -> float:
        """Reads all of it and gives the seconds that it took; whatever has come was taken, even where this raises."""
        came = 0

        def filled(at: int) -> None:
            nonlocal came
            came = at
            if at - self.given >= PART_BYTES:
                self._give(at, take)

        try:
            seconds = await fill(content, self.data, limits.stall_s, filled)
            await ended(content, len(self.data), limits.stall_s)
            return seconds
        finally:
            if came > self.given:
                self._give(came, take)

    def _give(self, end: int, take: Callable[[Parcel], None]) -> None:
        start, whole = self.given, self.body.data
        self.given = end
        ref = replace(whole, digest=f"{whole.digest}+{start}", size_bytes=end - start)
        body = replace(self.body, start=self.body.start + start, data=ref)
        take(replace(self.parcel, body=body, attached=((ref, self.data[start:end]),)))
