"""Key files: written whole or not at all, and readable by their owner alone where they are secret."""

from __future__ import annotations

import os
from pathlib import Path

from ...core.errors import NotFound

CA_CERT = "ca.pem"  # the roots that this node trusts
CA_KEY, ISSUERS = "ca.key", "issuers.pem"  # of the online authority: its key, and its certificates, newest first
OFFLINE = "offline"  # folder of what belongs on another medium: keys of roots
ROOT_KEY = "root.key"
METADATA_ROOT = "root.json"  # where trust in the metadata about releases begins
LATEST = "latest.metadata"  # the newest that this node was told, with the list of members
RELEASE_KEY, RELEASE_PUBLIC = "release.key", "release.pub"
NODE_KEY, NODE_CERT = "node.key", "node.pem"


def write(path: Path, data: bytes, secret: bool = False) -> None:
    """Replaces a file in one step; mode 0600 where it is secret, else 0644."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def destroy(path: Path) -> None:
    """Zeros over a small file, then it is gone; what a medium keeps of old blocks, no program can reach."""
    with open(path, "r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, remedy: str) -> bytes:
    """A file's bytes. Raises NotFound with the remedy."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{path} is not there; {remedy}") from None
