"""What a round between processes takes at the least: the same bytes over the same TLS, each kept with one fsync.

Plain blocking sockets and files: nothing is encoded, checked, journalled or added up.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from ..live.identity.names import zone_host
from ..live.identity.node import Identity

ALPN = "floor/1"
PATIENCE_S = 60.0


def floor_s(server: Path, clients: Sequence[Path], size_bytes: int, rounds: int) -> float:
    """Median seconds of a round: so many bytes to each client's process, and as many back. The folders are of nodes."""
    mine = Identity.load(server)
    with socket.create_server(("127.0.0.1", 0)) as door:
        asked = [str(door.getsockname()[1]), zone_host(mine.name.zone), str(size_bytes), str(rounds)]
        command = [sys.executable, "-m", "ganglion.bench.fl_live_floor"]
        children = [subprocess.Popen([*command, str(folder), *asked]) for folder in clients]
        try:
            door.settimeout(PATIENCE_S)
            context = mine.server(ALPN)
            lines = [context.wrap_socket(door.accept()[0], server_side=True) for _ in children]
            took = [_round(lines, size_bytes, server / "floor") for _ in range(rounds)]
            for line in lines:
                line.close()
        finally:
            for child in children:
                child.kill()  # it has ended, or something went wrong here
                child.wait()
    return median(took)


def _round(lines: Sequence[ssl.SSLSocket], size_bytes: int, file: Path) -> float:
    began_s, given = time.perf_counter(), os.urandom(size_bytes)
    for line in lines:
        line.sendall(given)
    for line in lines:
        _keep(_heard(line, size_bytes), file)
    return time.perf_counter() - began_s


def _heard(line: ssl.SSLSocket, size_bytes: int) -> bytearray:
    room, at = bytearray(size_bytes), 0
    while at < size_bytes:
        came = line.recv_into(memoryview(room)[at:])
        if not came:
            raise ConnectionError(f"the other side left after {at} of {size_bytes} bytes")
        at += came
    return room


def _keep(data: bytearray, file: Path) -> None:
    with open(file, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def main() -> None:
    """A client: hears, keeps, says it again."""
    folder, port, host, size_bytes, rounds = sys.argv[1:]
    context = Identity.load(Path(folder)).client(ALPN)
    with (
        socket.create_connection(("127.0.0.1", int(port)), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as line,
    ):
        for _ in range(int(rounds)):
            heard = _heard(line, int(size_bytes))
            _keep(heard, Path(folder) / "floor")
            line.sendall(heard)


if __name__ == "__main__":
    main()
