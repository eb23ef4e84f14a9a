"""Every body that a node may send, keep or hand to a worker: what the one codec knows."""

from __future__ import annotations

import dataclasses
import importlib
from types import ModuleType

from ..core import facts, profile, release
from ..core.codec import Codec
from ..core.process import Ignored
from ..protect import Entry as AuditEntry
from .journal import Entry
from .outbox import Ack, Gap, Kept
from .places import PLACES
from .quarantine import Aside

FLOWS = (
    "adapt", "audit", "buffer", "deliver", "fetch", "install", "job", "keep", "presence", "profile",
    "rollout", "round", "sense", "serve", "train", "trial", "watch",
)  # fmt: skip


def _dataclasses(module: ModuleType) -> list[type]:
    own = (thing for thing in vars(module).values() if isinstance(thing, type) and thing.__module__ == module.__name__)
    return [thing for thing in own if dataclasses.is_dataclass(thing)]


def all_bodies() -> list[type]:
    """Messages, work, results and facts of every flow, the durable flows, and what journal, outbox and log hold."""
    root = __name__.split(".")[0]
    messages = [importlib.import_module(f"{root}.flow.{flow}.messages") for flow in FLOWS]
    known = [kind for module in (*messages, facts, release, profile) for kind in _dataclasses(module)]
    flows = {runs.flow for place in PLACES.values() for runs in place if runs.flow.durable}
    return [*known, *sorted(flows, key=lambda flow: flow.__name__), Ignored, Entry, AuditEntry, Ack, Gap, Kept, Aside]


def make_codec() -> Codec:
    """The codec of this version of ganglion."""
    return Codec(all_bodies())
