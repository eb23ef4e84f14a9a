"""The gate before every request to a node: who asks, what the request would do, and whether the rules allow that."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

from ..core.codec import Codec
from ..core.errors import ProtocolError
from ..core.label import Form, Tier, Zone
from ..flow.job.cloud import Job
from ..protect.access import Action, Place, Role, refusal
from .admin_messages import (
    AskModels,
    AskSnapshot,
    AskStatus,
    BeginFlow,
    ExplainModel,
    Infer,
    NameModel,
    TellFact,
    Watch,
)
from .identity.names import Name, Person
from .rollout_messages import AskRollouts, CreateRollout, SteerRollout

_PEER = struct.Struct("3i")  # Linux: struct ucred


@dataclass(frozen=True)
class Asker:
    """Who asks, in which role, and where what is answered will be seen."""

    name: str
    role: Role
    place: Place


def local_asker(connection: socket.socket, zone: Zone) -> Asker:
    """Whoever opened the socket file in a node's folder: its own user and root are the owner, others nobody of note."""
    _, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    role = Role.OWNER if user in (0, os.getuid()) else Role.DEVICE
    return Asker(f"user {user}", role, Place(zone))


def console_asker(subject: Name | Person) -> Asker:
    """Whoever showed a certificate from elsewhere; a node's gives no more rights at a console than a node has there."""
    if isinstance(subject, Person):
        return Asker(subject.name, subject.role, Place.CONSOLE)
    return Asker(subject.node, Role.DEVICE, Place.CONSOLE)


def denial_of(asked: Any, who: Asker, codec: Codec) -> str:
    """Why a request is refused; "" where it may be done. Raises ProtocolError for what is no request."""
    match asked:
        case AskStatus() | AskSnapshot() | Watch() | AskModels() | ExplainModel() | AskRollouts():
            # ids, counts and times, no one sample's data
            return refusal(who.role, Action.QUERY, Tier.PUBLIC, who.place, Form.STATISTIC)
        case Infer(tier=tier):
            return refusal(who.role, Action.QUERY, tier, who.place)
        case BeginFlow(flow) if isinstance(codec.decode(flow), Job):
            return refusal(who.role, Action.RELEASE, Tier.PUBLIC, Place.CLOUD)  # made there, of the cloud's public data
        case NameModel() | SteerRollout():
            return refusal(who.role, Action.RELEASE, Tier.PUBLIC, Place.CLOUD)
        case BeginFlow() | TellFact() | CreateRollout():
            return refusal(who.role, Action.ADMINISTER, Tier.PUBLIC, who.place)
    raise ProtocolError(f"a {type(asked).__name__} is no request; is the other side of this version?")
