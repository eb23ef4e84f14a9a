"""What `ganglion cloud backup` and `restore` do: files, streams and what is said of them."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ..core.errors import ConfigError, NotFound
from .folder import load_declared
from .hosts import node_home
from .screen import say

STREAM = "-"


def take(folder: Path, to: str) -> None:
    """Writes a backup; one that was not written whole is removed. Raises ConfigError for a file that is there."""
    from ..live.backup import backup

    home = node_home(folder, load_declared(folder).fleet.cloud.id)
    if to == STREAM:
        say(f"{backup(home, sys.stdout.buffer)} files")
        return
    try:
        out = os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise ConfigError(f"{to} is there already; a backup replaces nothing: give another name") from None
    except OSError as error:
        raise ConfigError(f"{to} cannot be written: {error.strerror}; give another name") from error
    with ExitStack() as undo:
        undo.callback(Path(to).unlink, missing_ok=True)
        with out:
            files = backup(home, out)
            out.flush()
            os.fsync(out.fileno())
        undo.pop_all()
    say(f"{to} holds {files} files, keys among them: keep it as you keep those")


def put_back(folder: Path, source: str) -> None:
    """Makes the cloud's folder of a backup. Raises NotFound, ConfigError, Corrupt."""
    from ..live.backup import restore

    home = node_home(folder, load_declared(folder).fleet.cloud.id)
    if source != STREAM and not Path(source).is_file():
        raise NotFound(f"no backup {source}; give a file that `ganglion cloud backup` made")
    with ExitStack() as stack:
        found = restore(sys.stdin.buffer if source == STREAM else stack.enter_context(open(source, "rb")), home)
    made = f"{datetime.fromtimestamp(found.made_s, UTC):%Y-%m-%d %H:%M} UTC"
    say(f"{home} is as it was at {made} ({found.files} files); start it with `ganglion cloud serve`")
    say(f"the next release is {found.next_number}; invitations that were open must be made anew")
