"""A worker process: takes orders on stdin, replies on stdout, one after the other; it dies with its node.

What libraries print goes to stderr, the node's log.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..core.errors import ConfigError, GanglionError, Refused
from .orders import FRAMES, SIZE, Order, Reply, Taken, frame_size, framed

if TYPE_CHECKING:
    from ..node.tools import Tools

TOOLS = "ganglion.live.equip:worker_tools"  # (folder: Path) -> Tools
CARRY_OUT = "ganglion.live.equip:carry_out"  # (work, tools) -> result, raising GanglionError
PR_SET_PDEATHSIG = 1
EXTRA = {"torch": "train", "onnx": "train", "onnxscript": "train"}  # which extra brings a module
log = logging.getLogger("ganglion.worker")


def named(name: str) -> Any:
    """What `module:attribute` names. Raises ConfigError when there is no such thing."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (AttributeError, ValueError) as error:
        raise ConfigError(f"{name!r} names nothing ({error}); write it as module:function") from error


def reply_to(order: Order, tools: Callable[[], Tools], carry_out: Callable[[Any, Tools], Any]) -> Reply:
    """Does the work; whatever goes wrong fails this work and not the worker."""
    try:
        own = tools()
        result = carry_out(own.codec.decode(order.work), own)
        return Reply(order.number, True, own.codec.encode(result))
    except GanglionError as error:
        return Reply(order.number, False, reason=str(error), refused=isinstance(error, Refused))
    except ModuleNotFoundError as error:
        missing = (error.name or "a module").partition(".")[0]
        remedy = f"pip install 'ganglion[{EXTRA[missing]}]'" if missing in EXTRA else "install it for the worker"
        return Reply(order.number, False, reason=f"this work needs {missing}, which is not installed here: {remedy}")
    except Exception as error:  # boundary: the project's own code runs in here
        log.exception("work failed")
        return Reply(order.number, False, reason=f"{type(error).__name__}: {error}; the node's log has the traceback")


def main(arguments: Sequence[str] | None = None) -> None:
    """Works until stdin ends or the node dies."""
    parser = argparse.ArgumentParser(prog="python -m ganglion.live.worker_main", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the node's folder")
    parser.add_argument("--tools", default=TOOLS, help="module:function that makes Tools from the folder")
    parser.add_argument("--carry-out", default=CARRY_OUT, help="module:function that does (work, tools)")
    parser.add_argument("--parent", type=int, required=True, help="process id of the node")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the node, which then closes stdin
    _die_with(given.parent)
    answers = _stdout_alone()
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, orders), daemon=True).start()

    @cache
    def tools() -> Tools:
        made: Tools = named(given.tools)(given.data)
        return made

    def carry_out(work: Any, own: Tools) -> Any:
        return named(given.carry_out)(work, own)

    while True:
        order = orders.get()
        answers.write(framed(Taken(order.number)))
        answers.flush()
        answers.write(framed(reply_to(order, tools, carry_out)))
        answers.flush()


def _listen(pipe: BinaryIO, orders: queue.SimpleQueue[Order]) -> None:
    """Reads orders beside the work, so that the end of stdin ends the process in the middle of any work."""
    while len(head := pipe.read(SIZE.size)) == SIZE.size:
        raw = pipe.read(frame_size(head))
        orders.put(FRAMES.decode(raw))
    os._exit(0)


def _stdout_alone() -> BinaryIO:
    """The pipe to the node; file descriptor 1 becomes stderr for everybody else."""
    own = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(own, "wb")


def _die_with(parent: int) -> None:
    """Asks Linux for a SIGKILL when the node dies; elsewhere the end of stdin has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


if __name__ == "__main__":
    main()
