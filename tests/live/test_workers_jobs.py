"""What the worker processes of test_workers.py are given to do; it has no tests, and no pytest to import."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganglion.core.codec import Codec
from ganglion.core.errors import ConfigError, NotFound, Refused
from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.label import PUBLIC_RAW, Zone
from ganglion.core.ports import Change, Row
from ganglion.core.ref import Ref
from ganglion.live.disk import LiveBlobs
from ganglion.live.rng import LiveRng
from ganglion.node.tools import Tools, Tray


@dataclass(frozen=True)
class Act:
    """Work of these tests."""

    what: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Acted:
    """Its result."""

    what: str
    process: int
    ref: Ref | None = None


CODEC = Codec((Act, Acted))


class NoKeys:
    """A Vault for public data."""

    def sign(self, message: bytes) -> bytes:
        raise Refused("no key")

    def verify(self, message: bytes, signature: bytes) -> bool:
        raise Refused("no key")

    def seal(self, plain: bytes, label: Any) -> bytes:
        raise Refused("no key")

    def open(self, sealed: bytes, label: Any) -> bytes:
        raise Refused("no key")


class NoRows(LiveBlobs):
    """A Disk of blobs alone."""

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        raise Refused("no rows")

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        raise Refused("no rows")


class NoGraphs:
    """A Runner that has nothing to run."""

    name = "none"

    def load(self, graph: bytes, stored: bytes) -> Any:
        raise NotFound("no graph")


def make_tools(folder: Path) -> Tools:
    """Called in the worker process."""
    fleet = Fleet((Node(NodeId("cloud"), Zone.CLOUD),), ())
    vault, me = NoKeys(), NodeId("cloud")
    return Tools(me, fleet, NoRows(folder, vault), LiveRng(1), vault, CODEC, Tray(me), NoGraphs())


def no_tools(folder: Path) -> Tools:
    """Called in the worker process; as where a node's folder is incomplete."""
    raise ConfigError(f"{folder} holds no node; run `ganglion up` first")


def act(work: Act, tools: Tools) -> Any:
    """Called in the worker process and in the thread."""
    if work.seconds:
        Path(os.environ["ACT_FOLDER"], f"{work.what}.begun").write_text(str(os.getpid()))
        time.sleep(work.seconds)
    match work.what:
        case "refuse":
            raise Refused("the tier says no")
        case "miss":
            raise NotFound("no such thing")
        case "stumble":
            raise ZeroDivisionError("seven by nothing")
        case "torch":
            importlib.import_module("torch")
        case "pandas":
            importlib.import_module("no_such_module_here.part")
        case "print":
            sys.stdout.write("noise on stdout\n" * 100)
            os.write(1, b"more noise\n")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "unknown":
            return PUBLIC_RAW
        case "put":
            return Acted(work.what, os.getpid(), tools.disk.put([b"made far away"], PUBLIC_RAW))
        case "none":
            return None
    return Acted(work.what, os.getpid())
