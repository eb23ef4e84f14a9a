"""Local control of one node: asks it over the socket file in its folder, for the command line and the supervisor.

Who may open the folder may ask; nobody else can.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import errors
from ..core.codec import Codec
from ..core.errors import ProtocolError, Unreachable
from ..core.label import Tier
from .admin_messages import (
    DTYPES,
    SIZE,
    Answered,
    AskStatus,
    BeginFlow,
    Begun,
    Infer,
    Status,
    TellFact,
    Watch,
    Wrong,
    admin_codec,
    frame_bytes,
    framed,
)

NAME = "admin.sock"
PATH_BYTES = 100  # the kernel takes little more; a longer path is reached through the open folder
ERRORS = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type)}


@contextmanager
def socket_path(folder: Path) -> Iterator[str]:
    """A path to the socket that the kernel takes, however deep the folder lies."""
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= PATH_BYTES:
        yield path
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{NAME}"
    finally:
        os.close(opened)


class AdminClient:
    """Asks one node, blocking. Raises Unreachable where nobody listens, else what the node raised."""

    def __init__(self, folder: Path, timeout_s: float = 10.0, codec: Codec | None = None) -> None:
        self.folder = folder
        self._codec = codec or admin_codec()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with socket_path(folder) as path:
                self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise Unreachable(
                f"no node listens in {folder} ({error.strerror or error}); start it with `ganglion up`, or name the "
                "folder of one that runs"
            ) from None

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up; also wakes a thread that waits in `watch`."""
        with suppress(OSError):  # it hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def tell(self, body: Any) -> None:
        """Tells the node a fact."""
        self._ask(TellFact(self._codec.encode(body)))

    def begin(self, flow: Any) -> str:
        """Starts a process there; the key that it runs under."""
        begun: Begun = self._ask(BeginFlow(self._codec.encode(flow)))
        return begun.key

    def status(self) -> Status:
        """How it is."""
        status: Status = self._ask(AskStatus())
        return status

    def infer(self, x: NDArray[Any], tier: Tier = Tier.PUBLIC, plan: str = "", timeout_s: float = 5.0) -> Answered:
        """Has a device answer a sample. Raises Unreachable when it did not in time."""
        if x.dtype.name not in DTYPES:
            raise ProtocolError(f"a sample of {x.dtype} cannot be asked about; use one of {sorted(DTYPES)}")
        self._socket.settimeout(timeout_s + 2.0)
        little = np.ascontiguousarray(x, x.dtype.newbyteorder("<"))
        answered: Answered = self._ask(Infer(x.dtype.name, x.shape, little.tobytes(), tier, plan, timeout_s))
        return answered

    def ask(self, request: Any) -> Any:
        """Any other request of `admin_messages`; its answer."""
        return self._ask(request)

    def watch(self, after: int = -1) -> Iterator[tuple[float, Any]]:
        """Every fact told there with its moment (monotonic seconds), until the node ends or `close`."""
        self._ask(Watch(after))
        self._socket.settimeout(None)
        while True:
            try:
                observed = self._receive()
            except Unreachable:
                return
            yield observed.at_s, self._codec.decode(observed.body)

    def _ask(self, request: Any) -> Any:
        try:
            self._socket.sendall(framed(self._codec.encode(request)))
        except OSError as error:
            raise Unreachable(f"the node in {self.folder} has gone: {error}; look into its log") from error
        answer = self._receive()
        if isinstance(answer, Wrong):
            raise ERRORS.get(answer.kind, errors.GanglionError)(answer.reason)
        return answer

    def _receive(self) -> Any:
        return self._codec.decode(self._exactly(frame_bytes(self._exactly(SIZE.size))))

    def _exactly(self, size: int) -> bytes:
        raw = bytearray()
        try:
            while len(raw) < size:
                part = self._socket.recv(size - len(raw))
                if not part:
                    raise ConnectionResetError("it hung up")
                raw += part
        except OSError as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise Unreachable(f"the node in {self.folder} has gone: {why}; look into its log") from error
        return bytes(raw)
