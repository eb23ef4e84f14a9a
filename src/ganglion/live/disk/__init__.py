"""A node's real disk: rows in SQLite that last once told, and blobs as files named by their digest."""

from __future__ import annotations

from .blobs import LiveBlobs as LiveBlobs
from .disk import LiveDisk as LiveDisk
