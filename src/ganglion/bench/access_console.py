"""A running cloud and a console certificate of each role: who is let do what, over mutual TLS and on its own host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.codec import Codec
from ..core.errors import GanglionError, Refused, Unreachable
from ..core.facts import Audited
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Tier, Zone
from ..flow.job.cloud import Job
from ..flow.job.messages import Order
from ..flow.rollout.rule import Rule
from ..live.admin import AdminClient
from ..live.admin_messages import (
    AskModels,
    AskStatus,
    BeginFlow,
    Infer,
    NameModel,
    TellFact,
    admin_codec,
)
from ..live.agent_file import STATE, AgentFile, write_agent_file
from ..live.console import ConsoleClient
from ..live.equip import WorkerDisk
from ..live.fleet_folder import HOST, Ports
from ..live.identity.authority import Authority, create_authority
from ..live.identity.join import join_as
from ..live.identity.members import DISABLED, ENROLLED
from ..live.identity.vault import LocalVault
from ..live.process import AGENT, end, spawn
from ..live.rollout_messages import AskRollouts, CreateRollout, SteerRollout
from ..node.auditing import read as read_audit
from ..node.bodies import make_codec
from ..node.tools import Policy
from ..protect.access import Role

CLOUD, EDGE = NodeId("cloud"), NodeId("edge-1")
FLEET = Fleet((Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)), ((EDGE, Link("lan", 1e8, 1e8, 0.001)),))
WAIT_S = 30.0
AT_ONCE_S = 1.0  # for a disabling to be in force
PEOPLE = {"olga": Role.OWNER, "otto": Role.OPERATOR}
Result = dict[str, Any]


def asks(codec: Codec) -> dict[str, tuple[Any, str]]:
    """Each kind of request, and who may make it at a console: o(perator), w (owner)."""
    fact = codec.encode(Audited("note", "console", "told from a console"))
    infer = {tier: Infer("float32", (1,), bytes(4), tier, "", 0.1) for tier in Tier}
    return {
        "status": (AskStatus(), "ow"),
        "models": (AskModels(), "ow"),
        "alias": (NameModel("champion", ""), "ow"),
        "release": (BeginFlow(codec.encode(Job(1, Order("asked at a console"), ()))), "ow"),
        "roll-outs": (AskRollouts(), "ow"),
        "steer a roll-out": (SteerRollout(9, "pause"), "ow"),
        "let a release out": (CreateRollout("9", ((EDGE,),), (Rule("all"),)), "w"),
        "fact": (TellFact(fact), "w"),
        **{f"infer {tier.name.lower()}": (infer[tier], "ow" if tier <= Tier.DERIVED else "") for tier in Tier},
    }


def requests(folder: Path) -> list[Result]:
    """A row per request and role, then what disabling does and what the audit log kept."""
    rows: list[Result] = []
    with cloud(folder) as port:
        consoles = {name: enrolled(folder, name, role, port) for name, role in PEOPLE.items()}
        consoles["edge-1"] = node_at_console(folder, port)
        for name, console in consoles.items():
            role = PEOPLE.get(name, Role.DEVICE)
            letter = {Role.OWNER: "w", Role.OPERATOR: "o", Role.DEVICE: "-"}[role]
            for what, (request, may) in asks(admin_codec()).items():
                let = not is_refused(lambda one=request, ask=console.ask: ask(one))  # type: ignore[misc]
                rows.append(
                    {"what": f"live: {role.name.lower()} asks {what}", "let": let, "ok": let == (letter in may)}
                )
        rows.append(disabled(folder, consoles["otto"]))
        with AdminClient(folder / CLOUD) as client:
            rows.append(
                {"what": "live: the cloud's own user asks status", "let": True, "ok": client.status().node == CLOUD}
            )
        rows.append(audited(folder))
    return rows


def is_refused(work: Callable[[], Any]) -> bool:
    """Whether the rules said no; any other error means that they let it through."""
    try:
        work()
    except Refused as error:
        return " may not " in str(error)
    except GanglionError:
        return False
    return False


@contextmanager
def cloud(folder: Path) -> Iterator[int]:
    """A cloud as a process of its own, with its authority, and the port it listens on."""
    home, ports = folder / CLOUD, Ports()
    create_authority(home)
    port = ports.reserve()
    write_agent_file(home, AgentFile(CLOUD, FLEET, Policy(), 7, listen=(HOST, port)))
    process = spawn(AGENT, [str(home)], home)
    try:
        until_s = time.monotonic() + WAIT_S
        while True:
            try:
                AdminClient(home).close()
                break
            except Unreachable:
                if time.monotonic() > until_s or process.wait(0.05):
                    raise
        yield port
    finally:
        end([process], 3.0)
        process.let_go()
        ports.close()


def enrolled(folder: Path, name: str, role: Role, port: int) -> ConsoleClient:
    """A person's console, by a token of their own."""
    token = Authority.load(folder / CLOUD).invite_person(name, role, 60.0)
    asyncio.run(join_as(token, (HOST, port), name, folder / name))
    return ConsoleClient(folder / name, (HOST, port))


def node_at_console(folder: Path, port: int) -> ConsoleClient:
    """What somebody could try who has taken a node's key."""
    token = Authority.load(folder / CLOUD).invite(EDGE, Zone.EDGE, 60.0)
    asyncio.run(join_as(token, (HOST, port), EDGE, folder / EDGE))
    return ConsoleClient(folder / EDGE, (HOST, port))


def disabled(folder: Path, console: ConsoleClient) -> Result:
    """How long after its disabling a console is still let in, and that enabling lets it in again."""
    authority, began_s = Authority.load(folder / CLOUD), time.monotonic()
    authority.change("otto", DISABLED)
    took_s = _until(lambda: _kept_out(console), began_s)
    authority.change("otto", ENROLLED)
    _until(lambda: not _kept_out(console), time.monotonic())
    return {"what": "live: seconds until a disabled console is kept out", "value": took_s, "ok": took_s <= AT_ONCE_S}


def audited(folder: Path) -> Result:
    """Denials and approvals in the audit log, whose chain is checked on reading."""
    home = folder / CLOUD
    codec, disk = make_codec(), WorkerDisk(home / STATE, LocalVault(home))
    acts = [codec.decode(entry.record).act.act for entry in read_audit(disk, codec)]
    return {
        "what": "live: denials and approvals in the audit log",
        "value": float(len(acts)),
        "ok": acts.count("denied at query") >= len(Tier) and acts.count("approved") == len(PEOPLE),
    }


def _kept_out(console: ConsoleClient) -> bool:
    try:
        console.ask(AskStatus())
    except Refused:
        return True
    return False


def _until(true: Callable[[], bool], began_s: float) -> float:
    while not true():
        if time.monotonic() - began_s > WAIT_S:
            break
        time.sleep(0.02)
    return time.monotonic() - began_s
