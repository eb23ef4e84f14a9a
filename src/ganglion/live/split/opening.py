"""Getting ready for a cut: weights that are not here are pulled from below, and the places beyond waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.errors import GanglionError, NotFound, ProtocolError, Unreachable
from ...core.label import PUBLIC_UPDATE
from ...core.ref import Ref
from ...engine.onnx.part import OpenPart, Part
from .messages import Body, Open, Opened, PartForm, Piece, Pull, Share, Unopened
from .stage import Stage
from .weights import Arriving, Weights, piece

AT_ONCE = 4  # weights that are fetched at a time
Attached = Sequence[tuple[Ref, NDArray[Any]]]


class Send(Protocol):
    """How a message goes to a neighbour."""

    def __call__(self, body: Body, attached: Attached = ()) -> None: ...


class Opener:
    """Opens one cut after another. `place` is this place's number, by which pieces find their way."""

    def __init__(self, place: int, weights: Weights, below: Send, above: Send) -> None:
        self._place = place
        self._weights = weights
        self._below = below
        self._above = above
        self._arriving: dict[str, Arriving | None] = {}
        self._fetching: dict[str, asyncio.Future[None]] = {}
        self._beyond: dict[str, asyncio.Future[int]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def open(self, body: Open, graphs: list[NDArray[Any]], known: Stage | None = None) -> tuple[Stage, int]:
        """The stage, once it and all places beyond are ready; and the bytes that were fetched for it.

        A `known` one that does the same is kept, so that asking for what is open takes next to nothing.
        Raises GanglionError where a weight or a neighbour is missing, or a part does not run here.
        """
        if not body.shares or sum(len(share.parts) for share in body.shares) != len(graphs):
            raise ProtocolError(f"a cut of {len(body.shares)} places came with {len(graphs)} graphs; upgrade the older")
        share, own = body.shares[0], len(body.shares[0].parts)
        beyond = None
        if len(body.shares) > 1:
            beyond = self._beyond[body.cut] = asyncio.get_running_loop().create_future()
            self._above(Open(body.cut, body.shares[1:]), _carried(graphs[own:]))
        try:
            stage, fetched = await self._own(share, tuple(array.tobytes() for array in graphs[:own]), known)
            return stage, fetched + (await beyond if beyond is not None else 0)
        finally:
            self._beyond.pop(body.cut, None)
            if beyond is not None and beyond.done() and not beyond.cancelled():
                beyond.exception()  # seen, should the own share have failed first

    async def _own(self, share: Share, graphs: tuple[bytes, ...], known: Stage | None) -> tuple[Stage, int]:
        if known is not None and (known.share, known.graphs) == (share, graphs):
            return known, 0
        parts = [_part(form, graph) for form, graph in zip(share.parts, graphs, strict=True)]
        wanted = dict.fromkeys(digest for part in parts for digest in part.weights)
        missing = [digest for digest in wanted if digest not in self._weights]
        await asyncio.gather(*(self._fetch(digest) for digest in missing))
        fetched = sum(self._weights[digest].nbytes for digest in missing)
        held = {digest: self._weights[digest] for digest in wanted}
        return await asyncio.to_thread(_opened, share, parts, held), fetched

    async def _fetch(self, digest: str) -> None:
        async with self._slots:
            if digest in self._weights:  # another cut has fetched it meanwhile
                return
            coming = self._fetching.get(digest)
            if coming is None:
                coming = self._fetching[digest] = asyncio.get_running_loop().create_future()
                self._arriving[digest] = None
                self._below(Pull(self._place, digest, 0))
            await asyncio.shield(coming)

    def asked(self, body: Pull) -> None:
        """A place beyond lacks a weight: it is sent from here, or from where it is."""
        if body.digest in self._weights:
            array = self._weights[body.digest]
            data = piece(array, body.start)
            told = Piece(body.place, body.digest, array.dtype.str, array.shape, body.start)
            self._above(told, _carried([data]))
        elif self._place > 0:
            self._below(body)
        else:
            self._above(Piece(body.place, body.digest, "", (), 0))

    def came(self, body: Piece, attached: Attached) -> None:
        """A piece of a weight, for this place or one beyond."""
        if body.place != self._place:
            self._above(body, attached)
            return
        coming = self._fetching.get(body.digest)
        if coming is None or coming.done():
            return
        try:
            self._add(body, attached, coming)
        except GanglionError as error:
            self._end(body.digest, error)

    def _add(self, body: Piece, attached: Attached, coming: asyncio.Future[None]) -> None:
        if not body.dtype or len(attached) != 1:
            raise NotFound(f"weight {body.digest[:12]} is at no place below: serve place 0 with the model that was cut")
        arriving = self._arriving.get(body.digest) or Arriving(body.dtype, body.shape)
        self._arriving[body.digest] = arriving
        arriving.add(body.start, attached[0][1])
        if arriving.whole is None:
            self._below(Pull(self._place, body.digest, arriving.filled))
            return
        self._weights.put(body.digest, arriving.whole)
        self._end(body.digest, None)

    def answered(self, body: Opened | Unopened) -> None:
        """The places beyond are ready, or cannot be."""
        waiting = self._beyond.get(body.cut)
        if waiting is None or waiting.done():
            return
        if isinstance(body, Opened):
            waiting.set_result(body.fetched_bytes)
        else:
            waiting.set_exception(GanglionError(body.why))

    def broken(self, beyond: bool) -> None:
        """A link went down: what was to come over it will not."""
        error = Unreachable("the link to a neighbouring place went down while a cut was being opened; open it again")
        if beyond:
            for waiting in self._beyond.values():
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for digest in list(self._fetching):
            self._end(digest, error)

    def _end(self, digest: str, error: GanglionError | None) -> None:
        coming = self._fetching.pop(digest)
        self._arriving.pop(digest, None)
        if coming.done():
            return
        if error is None:
            coming.set_result(None)
        else:
            coming.set_exception(error)


def _part(form: PartForm, graph: bytes) -> Part:
    return Part(graph, form.inputs, form.outputs, ())


def _opened(share: Share, parts: list[Part], held: dict[str, NDArray[np.generic]]) -> Stage:
    return Stage(share, [OpenPart(part, held) for part in parts], tuple(part.graph for part in parts))


def _carried(arrays: Sequence[NDArray[Any]]) -> list[tuple[Ref, NDArray[Any]]]:
    """Graphs and weights are as public as the model: they are what a release holds."""
    return [(Ref("~graph", array.nbytes, PUBLIC_UPDATE), array) for array in arrays]
