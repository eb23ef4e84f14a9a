"""What a node's process needs to know before it starts: `node.json` in its folder. It holds no key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from ..core.errors import ConfigError
from ..core.fleet import Fleet, Node, NodeId
from ..node.tools import Policy
from ..protect.declassify import Consent
from ..protect.noise import Noise
from .identity.files import read, write

NAME = "node.json"
FORMAT = 1
STATE = "state"  # folder of the node's disk, in the node's folder
LOADER = "ganglion.project:resolve"  # (spec) -> something with `build` and `project`
MECHANISMS: dict[str, type[Noise] | type[Consent]] = {"noise": Noise, "consent": Consent}
Address = tuple[str, int]


@dataclass(frozen=True)
class AgentFile:
    """One node of a fleet, as its process wants it."""

    me: NodeId
    fleet: Fleet
    policy: Policy
    seed: int
    listen: Address | None = None  # None: nobody dials this node
    parent: Address | None = None  # where the parent is reached; None for the cloud
    project: str = ""  # what its worker learns with, as `loader` wants it
    loader: str = LOADER  # module:function
    log_format: str = "text"
    shares_machine: bool = False  # with other nodes: then joules of the whole machine are not this node's
    insecure: bool = False  # of the cloud: whoever is on this machine may join without a token
    metrics_port: int = 0  # on loopback, for Prometheus; 0 = none
    tap: str = ""  # a file for every plaintext frame before it is encrypted; "" = none

    @property
    def node(self) -> Node:
        """This node, as the fleet declares it."""
        return self.fleet.node(self.me)


def write_agent_file(folder: Path, file: AgentFile) -> None:
    """Keeps it in the node's folder, readable by the owner alone."""
    raw = {field.name: getattr(file, field.name) for field in fields(AgentFile)}
    raw["policy"] = _policy_to_raw(file.policy)
    write(folder / NAME, msgspec.json.format(msgspec.json.encode({"format": FORMAT, **raw})), secret=True)


def read_agent_file(folder: Path) -> AgentFile:
    """Reads what `write_agent_file` wrote. Raises NotFound, or ConfigError naming what is wrong."""
    path = folder / NAME
    raw = read(path, "let `ganglion up` or `ganglion … join` write it")
    try:
        given: dict[str, Any] = msgspec.json.decode(raw)
        if given.pop("format", None) != FORMAT:
            raise ConfigError(f"{path} is not of format {FORMAT}; join again with this ganglion")
        policy = _policy_of_raw(given.pop("policy", {}))
        file = AgentFile(policy=policy, **_fields_of(given, AgentFile))
    except (msgspec.MsgspecError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is malformed: {error}; correct it, or join again") from error
    if (file.parent is None) != (file.node.parent is None):
        raise ConfigError(f"{path}: every node but the cloud needs the address of its parent; set `parent`")
    return file


def _policy_to_raw(policy: Policy) -> dict[str, Any]:
    """A mechanism is named by its kind, for the format cannot tell two classes apart by their fields."""
    raw = {field.name: getattr(policy, field.name) for field in fields(Policy)}
    if policy.mechanism is not None:
        raw["mechanism"] = {type(policy.mechanism).__name__.lower(): policy.mechanism}
    return raw


def _policy_of_raw(raw: Mapping[str, Any]) -> Policy:
    rest, mechanism = dict(raw), None
    for kind, given in (rest.pop("mechanism", None) or {}).items():
        if kind not in MECHANISMS:
            raise ConfigError(f"mechanism {kind!r} is unknown; choose one of {sorted(MECHANISMS)}")
        mechanism = msgspec.convert(given, MECHANISMS[kind])
    return Policy(mechanism=mechanism, **_fields_of(rest, Policy))


def _fields_of(raw: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Each value as its field's type. Raises ConfigError for fields that there are not."""
    kinds = get_type_hints(kind)
    if unknown := set(raw) - set(kinds):
        raise ConfigError(f"{NAME} has unknown fields {sorted(unknown)}; known are {sorted(kinds)}")
    return {name: msgspec.convert(value, kinds[name]) for name, value in raw.items()}
