"""What a disk has lost of the release that answers is fetched again; what ends the process is not done again."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.facts import Fetched, Restarted
from ...core.fleet import NodeId
from ...core.process import Cancel, Command, Do, Done, Event, Start, Tell, Told
from ...core.ref import Ref
from ..fetch.client import Fetch
from .messages import Installed, Needs

Mended = tuple[tuple[Ref, ...], Sequence[Command]]


def mend(look: Do, missing: tuple[Ref, ...], event: Event, parent: NodeId) -> Mended:
    """What is still missing, and what to do about it. `look`: work that examines the release that answers."""
    match event:
        case Told(Restarted()):
            return missing, [look]
        case Told(Fetched(ref)) if ref in missing:
            left = tuple(other for other in missing if other != ref)
            return left, [] if left else [look]
        case Done(_, Needs(counter, gone)) if counter == look.work.counter and gone:
            said = Installed(counter, "damaged", f"{len(gone)} of its blobs are fetched again")
            return gone, [Tell(said), *(Start(Fetch(ref, parent)) for ref in gone)]
    return missing, []


def give_up(said: Sequence[Command]) -> Sequence[Command]:
    """Says so, and leaves no verifying behind that the next life would do again."""
    return [Cancel("verify"), *said]
