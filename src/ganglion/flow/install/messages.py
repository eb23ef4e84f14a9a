"""The work that installing asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ref import Ref


@dataclass(frozen=True)
class Inspect:
    """Work: check a manifest's signature and counter, and read what it needs. Fails when it is not to be trusted."""

    manifest: Ref
    counter: int
    floor: int


@dataclass(frozen=True)
class Needs:
    """Result: the blobs of a release, and how many of them are missing here."""

    counter: int
    missing: tuple[Ref, ...]


@dataclass(frozen=True)
class Examine:
    """Work: read every blob of the release that answers, and say what is damaged or gone (`Needs`)."""

    manifest: Ref
    counter: int


@dataclass(frozen=True)
class Verify:
    """Work: digests, schema, memory, golden outputs, latency. Fails with the gate that said no."""

    manifest: Ref
    zone: int


@dataclass(frozen=True)
class Verified:
    """Result: it starts, and answers as it must."""

    counter: int


@dataclass(frozen=True)
class Activate:
    """Work: answer with this release from now on, also after a restart; 0 = with none."""

    counter: int
    manifest: Ref | None


@dataclass(frozen=True)
class Active:
    """Result."""

    counter: int


@dataclass(frozen=True)
class Installed:
    """A fact: what became of an offered release here."""

    counter: int
    state: str
    why: str = ""
