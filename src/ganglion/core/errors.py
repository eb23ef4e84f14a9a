"""What can go wrong, and the exit code each kind ends a command with.

    GanglionError            1  failed
    ├── ConfigError          2  a file, a flag or a value is wrong
    ├── NotFound             3  no such node, model, blob or data set
    ├── Refused              4  policy says no: privacy, identity, signature, gate
    ├── Unreachable          5  nobody answered in time
    ├── ProtocolError        1  bytes that do not mean anything here
    └── Corrupt              1  bytes that are not what their digest says

A message says what was wrong with its value, what holds, and what to do.
"""

from __future__ import annotations


class GanglionError(Exception):
    """The root of every error that ganglion raises on purpose."""

    exit_code = 1


class ConfigError(GanglionError):
    """A file, a flag or a value is wrong; the message names it and the remedy."""

    exit_code = 2


class NotFound(GanglionError):
    """Something that was named does not exist."""

    exit_code = 3


class Refused(GanglionError):
    """A policy said no: privacy, identity, signature or a gate."""

    exit_code = 4


class Unreachable(GanglionError):
    """Nobody answered in time."""

    exit_code = 5


class ProtocolError(GanglionError):
    """Bytes from elsewhere that do not mean anything here."""


class Corrupt(GanglionError):
    """Bytes that are not what their digest says."""
