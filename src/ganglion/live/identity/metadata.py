"""Signed metadata about releases: which manifests are current, so that old, frozen, mixed or forged ones are refused.

The roles and rules are those of The Update Framework, carried out by its reference library. Metadata travels inside a
release's signature, so a node needs no further connection, and what it is offered is whole or nothing.

Source: TUF specification 1.0.33, section 5 (client workflow: 5.3 root, 5.4 timestamp, 5.5 snapshot, 5.6 targets).
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # it re-exports it, as documented
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # it re-exports them, as its documentation says
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater  # type: ignore[attr-defined]

from ...core.errors import ConfigError, ProtocolError, Refused
from .files import METADATA_ROOT, OFFLINE, read, write

ROOT_KEYS, ROOT_THRESHOLD = 3, 2
DAYS = {"root": 365, "targets": 365, "snapshot": 30, "timestamp": 7}  # until each role must have signed again
ONLINE = ("targets", "snapshot", "timestamp")
FOLDER, TRUSTED = "metadata", "trusted"  # what the cloud signs; what this node has come to trust
NEWEST = 50  # releases that stay listed
_INIT = "make it with `ganglion cloud init`"
Bundle = dict[str, bytes]  # file name of TUF -> its bytes


def create_metadata(folder: Path, days: Mapping[str, int] = DAYS, now: datetime.datetime | None = None) -> None:
    """Makes keys and first metadata. Keys of the root lie in `folder`/offline, and two of three must sign it."""
    now = now or datetime.datetime.now(datetime.UTC)
    offline = [_new_key(folder / OFFLINE / f"metadata-root-{place}.key") for place in range(1, ROOT_KEYS + 1)]
    online = {role: _new_key(folder / f"metadata-{role}.key") for role in ONLINE}
    roles = {"root": Role([key.public_key.keyid for key in offline], ROOT_THRESHOLD)}
    roles |= {role: Role([key.public_key.keyid], 1) for role, key in online.items()}
    keys: dict[str, Key] = {key.public_key.keyid: key.public_key for key in (*offline, *online.values())}
    root = Metadata(Root(1, expires=_after(now, days["root"]), keys=keys, roles=roles, consistent_snapshot=False))
    for key in offline:
        root.sign(key, append=True)
    write(folder / FOLDER / "days.json", msgspec.json.encode(dict(days)))
    write(folder / FOLDER / "1.root.json", root.to_bytes())
    write(folder / METADATA_ROOT, root.to_bytes())
    for made in (Targets(1), Snapshot(1), Timestamp(1)):
        _sign(folder, made, now)


def publish(folder: Path, manifest: bytes, now: datetime.datetime | None = None) -> bytes:
    """Lists a manifest as current and signs anew, for as long as the roles' days say. The bundle that shows it."""
    now = now or datetime.datetime.now(datetime.UTC)
    with _turn(folder / FOLDER):
        digest = hashlib.sha256(manifest).hexdigest()
        _sign_all(folder, now, 1, {digest: TargetFile(len(manifest), {"sha256": digest}, digest)})
        return _bundle(folder)


def refresh(folder: Path, now: datetime.datetime | None = None) -> bool:
    """Signs anew once half of the shortest-lived role's days are over, so that what is current stays so."""
    now = now or datetime.datetime.now(datetime.UTC)
    with _turn(folder / FOLDER):
        ends = Metadata[Timestamp].from_bytes(_file(folder, "timestamp")).signed.expires
        due = ends - now < datetime.timedelta(days=_days(folder)["timestamp"]) / 2
        if due:
            _sign_all(folder, now, 1)
    return due


def latest(folder: Path) -> bytes:
    """The bundle that shows every current release, as it is signed now."""
    with _turn(folder / FOLDER):
        return _bundle(folder)


def leap(folder: Path, by: int, now: datetime.datetime | None = None) -> None:
    """Signs what is listed anew, so many versions on: after a backup was restored, nodes may know newer ones."""
    now = now or datetime.datetime.now(datetime.UTC)
    with _turn(folder / FOLDER):
        _sign_all(folder, now, by)


def replace_root(
    folder: Path, place: int, offline: Path | None = None, now: datetime.datetime | None = None
) -> tuple[int, datetime.datetime]:
    """A new root in which one of the three offline keys, counted from 1, is another: for a key that was lost or stolen.

    It is signed by enough of the old keys and of the new ones, so nodes follow it of themselves. `offline` holds the
    keys, `folder`/offline by default. Its version, and when it ends. Raises ConfigError.
    """
    now, offline = now or datetime.datetime.now(datetime.UTC), offline or folder / OFFLINE
    paths = [offline / f"metadata-root-{at}.key" for at in range(1, ROOT_KEYS + 1)]
    if not 1 <= place <= ROOT_KEYS or not all(path.exists() for at, path in enumerate(paths, 1) if at != place):
        raise ConfigError(f"root key {place}: the others of {ROOT_KEYS} must lie in {offline}; bring them there")
    with _turn(folder / FOLDER):
        root = _root(folder)
        gone = root.signed.roles["root"].keyids[place - 1]
        paths[place - 1].unlink(missing_ok=True)
        fresh = _new_key(paths[place - 1])
        root.signed.roles["root"].keyids[place - 1] = fresh.public_key.keyid
        root.signed.keys[fresh.public_key.keyid] = fresh.public_key
        del root.signed.keys[gone]
        root.signed.version += 1
        root.signed.expires = _after(now, _days(folder)["root"])
        root.signatures.clear()
        for path in paths:
            root.sign(_key(path), append=True)
        write(folder / FOLDER / f"{root.signed.version}.root.json", root.to_bytes())
    return root.signed.version, root.signed.expires


def check(folder: Path, manifest: bytes, bundle: bytes) -> None:
    """Whether a manifest is current, by a bundle and all that this node has seen before. Raises Refused with the rule.

    Newer metadata that holds is remembered, so an older bundle is refused from then on.
    """
    try:
        files = msgspec.msgpack.decode(bundle, type=Bundle)
    except msgspec.MsgspecError as error:
        raise ProtocolError(
            f"metadata of {len(bundle)} bytes is malformed: {error}; fetch the release again"
        ) from error
    trusted, digest = folder / TRUSTED, hashlib.sha256(manifest).hexdigest()
    trusted.mkdir(mode=0o700, exist_ok=True)
    start = read(folder / METADATA_ROOT, "enrol this node again")
    with _turn(trusted):
        try:
            updater = Updater(str(trusted), "bundle:/", fetcher=Files(files), bootstrap=start)
            updater.refresh()
            listed = updater.get_targetinfo(digest)
        except (RepositoryError, DownloadError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            raise Refused(
                f"the metadata of this release does not hold ({why}); have the cloud sign a new one"
            ) from error
    if listed is None or listed.length != len(manifest) or listed.hashes.get("sha256") != digest:
        raise Refused(f"manifest {digest[:12]} is not among the current releases; have the cloud sign a new one")


def body_of(raw: bytes) -> Metadata[Any]:
    """One file of metadata, not yet checked by any signature. Raises ProtocolError for anything else."""
    try:
        return Metadata[Any].from_bytes(raw)
    except (DeserializationError, ValueError, RecursionError) as error:
        raise ProtocolError(f"{len(raw)} bytes are no metadata: {error}; fetch the release again") from error


class Files(FetcherInterface):
    """Serves the library from a bundle in memory; what is not in it does not exist."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        raw = self._files.get(url.rpartition("/")[2])
        if raw is None:
            raise DownloadHTTPError(f"{url} is not in the bundle", 404)
        yield raw


def _bundle(folder: Path) -> bytes:
    files = sorted((folder / FOLDER).glob("*.json"))
    return msgspec.msgpack.encode({path.name: path.read_bytes() for path in files if path.name != "days.json"})


def _sign_all(folder: Path, now: datetime.datetime, by: int, more: Mapping[str, TargetFile] | None = None) -> None:
    """The three online roles, so many versions on, with more manifests listed."""
    targets = Metadata[Targets].from_bytes(_file(folder, "targets")).signed
    snapshot = Metadata[Snapshot].from_bytes(_file(folder, "snapshot")).signed
    timestamp = Metadata[Timestamp].from_bytes(_file(folder, "timestamp")).signed
    targets.targets = dict(list({**targets.targets, **(more or {})}.items())[-NEWEST:])
    for one in (targets, snapshot, timestamp):
        one.version += by
    snapshot.meta["targets.json"] = _sign(folder, targets, now)
    timestamp.snapshot_meta = _sign(folder, snapshot, now)
    _sign(folder, timestamp, now)


def _sign(folder: Path, body: Targets | Snapshot | Timestamp, now: datetime.datetime) -> MetaFile:
    """Signs one online role and writes its file; how the role above names it."""
    body.expires = _after(now, _days(folder)[body.type])
    made: Metadata[Any] = Metadata(body)
    made.sign(_key(folder / f"metadata-{body.type}.key"))
    raw = made.to_bytes()
    write(folder / FOLDER / f"{body.type}.json", raw)
    return MetaFile(body.version, len(raw), {"sha256": hashlib.sha256(raw).hexdigest()})


def root_ends(folder: Path) -> datetime.datetime:
    """Until when a new root must have been signed; new releases are refused afterwards."""
    return _root(folder).signed.expires


def _root(folder: Path) -> Metadata[Root]:
    newest = max((folder / FOLDER).glob("*.root.json"), key=lambda path: int(path.name.split(".")[0]))
    return Metadata[Root].from_bytes(newest.read_bytes())


def _file(folder: Path, role: str) -> bytes:
    return read(folder / FOLDER / f"{role}.json", _INIT)


def _days(folder: Path) -> dict[str, int]:
    return msgspec.json.decode(_file(folder, "days"), type=dict[str, int])


def _new_key(path: Path) -> CryptoSigner:
    key = Ed25519PrivateKey.generate()
    write(path, key.private_bytes_raw(), secret=True)
    return CryptoSigner(key)


def _key(path: Path) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(read(path, _INIT)))


def _after(now: datetime.datetime, days: int) -> datetime.datetime:
    return (now + datetime.timedelta(days=days)).replace(microsecond=0)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """A node and its worker, or the cloud and a command, take turns."""
    lock = os.open(folder / ".turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
