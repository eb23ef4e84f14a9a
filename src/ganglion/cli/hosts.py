"""Nodes on real hosts: each host has the project's folder, and runs the nodes whose folders it has."""

from __future__ import annotations

from pathlib import Path

import typer

from ..config import Address, Declared
from ..core.errors import ConfigError, NotFound
from ..core.fleet import NodeId
from ..core.label import Zone
from .folder import STATE, address_of, load_declared, load_setup, node_named
from .screen import say, show

SEED = 7
ANYWHERE = "0.0.0.0"  # which address of its own a host is reached by is the network's business


def node_home(folder: Path, node: NodeId) -> Path:
    """Where a node's keys and state lie."""
    return folder / STATE / node


def found(folder: Path, org: str) -> None:
    """Makes the fleet's authority, in the cloud's folder on this host."""
    from ..live.identity.authority import create_authority

    declared = load_declared(folder)
    cloud = declared.fleet.cloud.id
    address_of(declared, cloud)
    create_authority(node_home(folder, cloud), org, cloud)
    outfit(folder, declared, cloud)
    say(f"{node_home(folder, cloud)} holds the authority of {org!r}; keep ca.key and release.key safe")


def invite(folder: Path, zone: Zone, name: str, ttl_s: float) -> None:
    """Prints a token that lets one node in, once."""
    from ..live.identity.authority import invite as token_for

    declared = load_declared(folder)
    node = node_named(declared, name, zone)
    show(token_for(node_home(folder, declared.fleet.cloud.id), node, ttl_s, zone))
    say(f"it lets {node} in once, within {ttl_s:g} s: `ganglion {zone.name.lower()} join {node} --token …` there")


def join(folder: Path, zone: Zone, name: str, token: str, at: str) -> None:
    """Trades a token for this node's certificate, and writes what its process needs."""
    from ..live.agent import new_loop
    from ..live.identity.join import join as enrol

    declared = load_declared(folder)
    node = node_named(declared, name, zone)
    cloud = _address(at) if at else address_of(declared, declared.fleet.cloud.id)
    loop = new_loop()()
    try:
        loop.run_until_complete(enrol(token, (cloud.host, cloud.port), node, node_home(folder, node)))
    finally:
        loop.close()
    outfit(folder, declared, node)
    say(f"{node} has joined; start it with `ganglion {zone.name.lower()} serve {node}`")


def serve(folder: Path, zone: Zone, name: str) -> None:
    """Runs a node in this process until it is told to end; takes up changes of the fleet file."""
    from ..live.agent import main

    declared = load_declared(folder)
    node = node_named(declared, name, zone)
    home = node_home(folder, node)
    if not home.is_dir():
        first = "cloud init" if zone is Zone.CLOUD else f"{zone.name.lower()} join"
        raise NotFound(f"no folder {home}: {node} has no identity on this host; `ganglion {first}` makes it")
    outfit(folder, declared, node)
    raise typer.Exit(main([str(home)]))


def outfit(folder: Path, declared: Declared, node: NodeId) -> None:
    """Writes what a node's process needs to know, sense and label."""
    from ..live.agent_data import is_labelled, write_labels, write_sources
    from ..live.agent_file import AgentFile, write_agent_file
    from ..live.fleet_folder import site_truth

    fleet, home = declared.fleet, node_home(folder, node)
    one = fleet.node(node)
    listen = (ANYWHERE, address_of(declared, node).port) if fleet.children(node) else None
    above = None if one.parent is None else address_of(declared, one.parent)
    parent = None if above is None else (above.host, above.port)
    spec = str(folder.resolve())
    write_agent_file(home, AgentFile(node, fleet, declared.policy, SEED, listen, parent, spec))
    if one.zone is Zone.DEVICE:
        write_sources(home, load_setup(folder).sources[node])
    if one.zone is Zone.EDGE:
        setup = load_setup(folder)
        share = setup.label_share
        write_labels(home, site_truth(setup, node), lambda sample: is_labelled(SEED, sample, share))


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--address {text!r}: it must be host:port; such as 192.0.2.10:7400")
    return Address(host, int(port))
