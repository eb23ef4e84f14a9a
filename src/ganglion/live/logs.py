"""A node's log: text or JSON lines in a file that is rotated; facts by name, never a payload, a sample or a key."""

from __future__ import annotations

import dataclasses
import logging
import logging.handlers
from collections import deque
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from ..core.errors import ConfigError
from ..core.facts import Answered, Arrived, Hard, Seen
from ..core.process import Ignored
from ..core.ref import Ref
from ..flow.deliver.messages import Accepted, Delivered
from ..flow.presence.messages import Present

FOLDER, NODE, CONSOLE, WORKER = "log", "node.log", "console.log", "worker.log"
FORMATS = ("text", "json")
FILE_BYTES, FILES = 4 << 20, 3
TEXT_LETTERS = 200  # of one field of a fact
# told all the time: they would drown the rest
OFTEN = (Accepted, Answered, Arrived, Delivered, Hard, Ignored, Present, Seen)

log = logging.getLogger("ganglion")


class Lines(logging.Formatter):
    """One record, one line; times are UTC."""

    def __init__(self, node: str, form: str) -> None:
        super().__init__()
        if form not in FORMATS:
            raise ConfigError(f"log format {form!r} is unknown; choose one of {FORMATS}")
        self._node = node
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The line without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if self._form == "json":
            line = {"at": at, "level": record.levelname, "node": self._node, "from": record.name, "text": text}
            return msgspec.json.encode(line).decode()
        return f"{at} {record.levelname:<7} {self._node} {record.name}: {text}"


def begin_log(folder: Path, node: str, form: str) -> None:
    """Sends everything that is logged in this process to the node's file."""
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    file = logging.handlers.RotatingFileHandler(folder / FOLDER / NODE, "a", FILE_BYTES, FILES, "utf-8", delay=True)
    file.setFormatter(Lines(node, form))
    root = logging.getLogger()
    root.addHandler(file)
    root.setLevel(logging.INFO)


def log_fact(body: Any) -> None:
    """What was told, as far as it is worth a line."""
    if isinstance(body, OFTEN):
        log.debug("%s", type(body).__name__)
    else:
        log.info("%s", summary(body))


def summary(body: Any) -> str:
    """A fact's name with its plain fields; what stands for data is named by its digest alone."""
    parts = (f"{field.name}={_short(getattr(body, field.name))}" for field in dataclasses.fields(body))
    return f"{type(body).__name__}({', '.join(parts)})"


def _short(value: Any) -> str:
    if isinstance(value, Ref):
        return value.digest[:12]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (str, int, float)) or value is None:
        text = repr(value)
        return text if len(text) <= TEXT_LETTERS else f"{text[:TEXT_LETTERS]}…"
    return f"<{type(value).__name__}>"


def tail(folder: Path, lines: int) -> list[str]:
    """The last lines of a node's log, and what it wrote to its console; for whoever looks for a reason."""
    found: list[str] = []
    for name in (NODE, CONSOLE):
        path = folder / FOLDER / name
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                found += deque((line.rstrip("\n") for line in file), maxlen=lines)
    return found[-lines:] if len(found) > lines else found
