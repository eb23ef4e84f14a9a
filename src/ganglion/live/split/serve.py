"""One place beyond the first, as a process: the place before it dials here, the one beyond is dialled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from numpy.random import Generator

from ...core.errors import ConfigError
from ..identity.node import Identity
from .awake import WINDOW_S
from .hops import Heard, Hops, Seat
from .opening import Opener
from .place import Place
from .weights import Weights

log = logging.getLogger("ganglion.split")


class Server:
    """A place and its links."""

    def __init__(
        self,
        identity: Identity,
        seats: tuple[Seat, ...],
        number: int,
        weights: Weights,
        rng: Generator,
        awake_s: float = WINDOW_S,
    ) -> None:
        if not 0 < number < len(seats):
            raise ConfigError(f"place {number} cannot be served: places 1 to {len(seats) - 1} are, and 0 is who asks")
        if identity.node != seats[number].node:
            wanted = seats[number].node
            raise ConfigError(
                f"place {number} is {wanted}, this folder holds the identity of {identity.node}; name its"
            )
        beyond = seats[number + 1] if number + 1 < len(seats) else None
        around = (seats[number - 1], beyond)
        self._hops = Hops(identity, around, rng, awake_s)
        below: Callable[..., None] = partial(self._hops.send, False)
        above: Callable[..., None] = partial(self._hops.send, True)
        zones = seats[number].zone, None if beyond is None else beyond.zone
        self._place = Place(*zones, below, above, Opener(number, weights, below, above))
        self._hops.heard = Heard(self._place.hear, self._place.linked)
        self._seat = seats[number]

    async def start(self) -> int:
        """The port it listens on."""
        port = await self._hops.start((self._seat.host, self._seat.port))
        assert port is not None
        log.info("place of %s listens on %s:%d", self._seat.node, self._seat.host, port)
        return port

    async def close(self) -> None:
        """Ends both links."""
        self._place.close()
        await self._hops.close()


def weights_in(folder: Path | None) -> Weights:
    """What a place keeps over restarts; nothing where it has no folder."""
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Weights({}, folder)


async def serve(server: Server, told: Callable[[int], None], until: asyncio.Event) -> None:
    """Serves until the event is set; `told` hears the port."""
    told(await server.start())
    try:
        await until.wait()
    finally:
        await server.close()
