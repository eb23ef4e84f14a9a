"""Nodes on real hosts: each host has the project's folder, and runs the nodes whose folders it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..config import Address, Declared
from ..core.errors import ConfigError, GanglionError, NotFound, Unreachable
from ..core.fleet import NodeId
from ..core.label import Zone
from .folder import STATE, address_of, load_declared, load_setup, node_named
from .screen import say, show

SEED = 7
HERE_ALONE = "127.0.0.1"
ANYWHERE = "0.0.0.0"  # which address of its own a host is reached by is the network's business


def node_home(folder: Path, node: NodeId) -> Path:
    """Where a node's keys and state lie."""
    return folder / STATE / node


def found(folder: Path, org: str) -> None:
    """Makes the fleet's authority, in the cloud's folder on this host."""
    from ..live.identity.authority import create_authority
    from ..live.identity.files import OFFLINE

    declared = load_declared(folder)
    cloud = declared.fleet.cloud.id
    address_of(declared, cloud)
    create_authority(node_home(folder, cloud), org, cloud)
    outfit(folder, declared, cloud)
    home = node_home(folder, cloud)
    say(f"{home} holds the authority of {org!r}; keep ca.key and release.key safe")
    say(f"move {home / OFFLINE} to a medium that is not connected: keys of roots are needed only to replace others")


def invite(folder: Path, zone: Zone | None, name: str, ttl_s: float) -> None:
    """Prints a token that lets one node in, once; with no zone, whichever the node is in."""
    from ..live.identity.authority import invite as token_for

    declared = load_declared(folder)
    below = [near for near in (Zone.EDGE, Zone.DEVICE) if name in [node.id for node in declared.fleet.at(near)]]
    zone = zone if zone is not None else (*below, Zone.EDGE)[0]
    node = node_named(declared, name, zone)
    show(token_for(node_home(folder, declared.fleet.cloud.id), node, ttl_s, zone))
    say(f"it lets {node} in once, within {ttl_s:g} s: `ganglion {zone.name.lower()} join {node} --token …` there")


def join(folder: Path, zone: Zone, name: str, token: str, at: str, insecure: bool = False) -> None:
    """Trades a token for this node's certificate, and writes what its process needs."""
    from ..live.agent import new_loop
    from ..live.identity.join import join as enrol
    from ..live.insecure import join_insecurely

    if not token and not insecure:
        raise ConfigError(f"no token for {name or zone.name.lower()}: `ganglion cloud invite` prints one; give --token")

    declared = load_declared(folder)
    node = node_named(declared, name, zone)
    cloud = _address(at) if at else address_of(declared, declared.fleet.cloud.id)
    loop = new_loop()()
    try:
        home, address = node_home(folder, node), (cloud.host, cloud.port)
        if insecure:
            say(f"INSECURE: {node} joins whichever cloud answers at {cloud.host}:{cloud.port}, without a token")
        loop.run_until_complete(join_insecurely(address, node, home) if insecure else enrol(token, address, node, home))
    finally:
        loop.close()
    outfit(folder, declared, node)
    say(f"{node} has joined; start it with `ganglion {zone.name.lower()} serve {node}`")


def serve(folder: Path, zone: Zone, name: str, insecure: bool = False) -> None:
    """Becomes the process that runs a node until it is told to end; takes up changes of the fleet file.

    That process is begun anew: it forks the node, again and again, so it must not hold this command and the project.
    """
    from ..live.process import FORK_SERVER, ONE_THREAD

    declared = load_declared(folder)
    node = node_named(declared, name, zone)
    home = node_home(folder, node)
    if not home.is_dir():
        first = "cloud init" if zone is Zone.CLOUD else f"{zone.name.lower()} join"
        raise NotFound(f"no folder {home}: {node} has no identity on this host; `ganglion {first}` makes it")
    outfit(folder, declared, node, insecure)
    if insecure:
        say(f"INSECURE: whoever is on this machine may join {node} without a token; it listens on {HERE_ALONE} alone")
    sys.stdout.flush()
    sys.stderr.flush()
    words = [sys.executable, "-m", FORK_SERVER, "--keep", str(home.resolve())]
    os.execve(sys.executable, words, {**os.environ, **ONE_THREAD})


def release(folder: Path) -> None:
    """Has the running cloud make its next release, and says each step. Raises GanglionError where it fails."""
    from ..flow.job.cloud import Job
    from ..flow.job.messages import JobOver, JobStep, Order, Released
    from ..live.admin import AdminClient
    from .rollout import declared_rings

    fleet = load_declared(folder).fleet
    home, (rings, rules) = node_home(folder, fleet.cloud.id), declared_rings(folder, fleet)
    with AdminClient(home) as told, AdminClient(home) as client:
        facts = told.watch(client.status().facts)
        number = int(client.begin(Job(0, Order("asked for by the operator"), rings, rules=rules)))
        for _, body in facts:
            match body:
                case JobStep(of, step) if of == number:
                    say(f"{step} …")
                case Released(counter, _, _, evaluation) if counter == number:
                    say(f"release {counter}: {', '.join(f'{name} {value:g}' for name, value in evaluation)}")
                case JobOver(of, counter, True, _) if of == number:
                    say(f"release {counter} is out")
                    return
                case JobOver(of, _, _, why) if of == number:
                    raise GanglionError(f"the release was not made or not kept: {why}; correct that and ask again")
    raise Unreachable("the cloud ended before the release was out: it may go on when it is served again; see its log")


def outfit(folder: Path, declared: Declared, node: NodeId, insecure: bool = False) -> None:
    """Writes what a node's process needs to know, sense and label."""
    from ..live.agent_data import write_labels, write_sources
    from ..live.agent_file import AgentFile, write_agent_file
    from ..live.fleet_folder import site_truth

    fleet, home = declared.fleet, node_home(folder, node)
    one = fleet.node(node)
    listen = (HERE_ALONE if insecure else ANYWHERE, address_of(declared, node).port) if fleet.children(node) else None
    above = None if one.parent is None else address_of(declared, one.parent)
    parent = None if above is None else (above.host, above.port)
    spec = str(folder.resolve())
    port = declared.metrics.get(node, 0)
    file = AgentFile(node, fleet, declared.policy, SEED, listen, parent, spec, insecure=insecure, metrics_port=port)
    write_agent_file(home, file)
    if one.zone is Zone.DEVICE:
        write_sources(home, load_setup(folder).sources[node])
    if one.zone is Zone.EDGE:
        setup = load_setup(folder)
        write_labels(home, site_truth(setup, node), SEED, setup.label_share)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--address {text!r}: it must be host:port; such as 192.0.2.10:7400")
    return Address(host, int(port))
