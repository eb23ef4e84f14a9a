"""Who belongs to a fleet: each member's key and standing, kept by the authority and told to nodes that are dialled.

`version` grows with every change; `epoch` when nodes should renew at once, because the roots or the issuer changed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ...core.errors import Corrupt, NotFound, Refused
from .files import LATEST, write

FILE = "members.json"
NEWS = "news.json"  # what a node was told of it
ENROLLED, DISABLED, GONE = "enrolled", "disabled", "gone"  # may take part; not now; never again under that key


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node or person."""

    key_sha256: str  # of the public key, which a renewal keeps
    standing: str = ENROLLED
    epoch: int = 0  # when it last got a certificate
    role: str = ""  # of a person; "" = a node


class News(msgspec.Struct, frozen=True):
    """What every node that is dialled needs to know: who may not come in."""

    version: int
    epoch: int
    barred: tuple[str, ...] = ()
    metadata: bytes = b""  # about releases, as signed lately: what came with one may have ended meanwhile


class Members(msgspec.Struct, forbid_unknown_fields=True):
    """The whole list."""

    version: int = 0
    epoch: int = 0
    by_name: dict[str, Member] = {}

    @property
    def news(self) -> News:
        """As it is told to nodes."""
        barred = tuple(sorted(name for name, one in self.by_name.items() if one.standing != ENROLLED))
        return News(self.version, self.epoch, barred)

    def enrol(self, name: str, key_sha256: str, role: str = "") -> None:
        """A newcomer; one who was decommissioned may come again, with another key. Raises Refused."""
        known = self.by_name.get(name)
        if known is not None and known.role != role:
            raise Refused(f"{name} is the name of {known.role.lower() or 'a node'} already; choose another name")
        if known is not None and known.standing == DISABLED:
            raise Refused(f"{name} is disabled; `ganglion cloud enable {name}` lets it in again")
        if known is not None and known.standing == GONE and known.key_sha256 == key_sha256:
            raise Refused(f"{name} was decommissioned with this key; make it a new one, in an empty folder")
        self._set(name, Member(key_sha256, ENROLLED, self.epoch, role))

    def renew(self, name: str, key_sha256: str) -> None:
        """A member has a fresh certificate now. Raises Refused for who may not."""
        known = self.by_name.get(name)
        if known is None or known.key_sha256 != key_sha256:
            raise Refused(f"{name} is not enrolled with this key; ask for a token with `ganglion cloud invite`")
        if known.standing != ENROLLED:
            raise Refused(f"{name} is {known.standing}; only the fleet's owner can change that")
        self.by_name[name] = Member(key_sha256, ENROLLED, self.epoch, known.role)

    @property
    def behind(self) -> list[str]:
        """Nodes that take part and have not renewed since the epoch began; a console does so when its person wants."""
        nodes = [(name, one) for name, one in self.by_name.items() if one.standing == ENROLLED and not one.role]
        return sorted(name for name, one in nodes if one.epoch < self.epoch)

    def change(self, name: str, standing: str) -> None:
        """Disables, enables or decommissions. Raises NotFound, or Refused for what cannot be taken back."""
        known = self.by_name.get(name)
        if known is None:
            raise NotFound(f"no member {name!r}: there are {sorted(self.by_name)}; name one of them")
        if known.standing == GONE and standing != GONE:
            raise Refused(f"{name} was decommissioned; invite it again with `ganglion cloud invite {name}`")
        if known.standing != standing:
            self._set(name, Member(known.key_sha256, standing, known.epoch, known.role))

    def _set(self, name: str, member: Member) -> None:
        self.by_name[name] = member
        self.version += 1


def read_members(folder: Path) -> Members:
    """The list as the authority keeps it; empty where there is none. Raises Corrupt."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Members)
    except FileNotFoundError:
        return Members()
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{folder / FILE} is damaged: {error}; restore it from a backup of the cloud") from error


@contextmanager
def changing_members(folder: Path) -> Iterator[Members]:
    """The list to be changed; kept when the block ends well. Commands and the cloud itself take turns."""
    lock = os.open(folder / f"{FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        members = read_members(folder)
        yield members
        write(folder / FILE, msgspec.json.encode(members), secret=True)
    finally:
        os.close(lock)


def read_news(folder: Path) -> News:
    """What this node was last told; nobody is barred where it was told nothing. Raises Corrupt."""
    try:
        return msgspec.json.decode((folder / NEWS).read_bytes(), type=News)
    except FileNotFoundError:
        return News(-1, -1)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{folder / NEWS} is damaged: {error}; delete it, the cloud tells it again") from error


def write_news(folder: Path, news: News) -> None:
    """Keeps it for the next start, which may be without the cloud."""
    if news.metadata:
        write(folder / LATEST, news.metadata)
    write(folder / NEWS, msgspec.json.encode(msgspec.structs.replace(news, metadata=b"")))
