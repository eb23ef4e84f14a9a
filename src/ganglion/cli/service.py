"""A systemd unit for a node, so that it returns after a reboot; whether to start it now is left to the operator."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from pathlib import Path

from ..core.errors import ConfigError, NotFound
from ..core.fleet import NodeId
from ..core.label import Zone
from .folder import load_declared, node_named
from .hosts import node_home
from .screen import say

MACHINE = Path("/etc/systemd/system")
UNIT = """[Unit]
Description=ganglion {noun} {node}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
{user}WorkingDirectory={folder}
ExecStart={command}
Restart=always
RestartSec=1
TimeoutStopSec=15
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full

[Install]
WantedBy={target}
"""


def install(folder: Path, zone: Zone, name: str, for_user: bool) -> None:
    """Writes the unit of a node that has joined; says how to start it. Raises NotFound, ConfigError."""
    node = node_named(load_declared(folder), name, zone)
    if not (node_home(folder, node) / "node.pem").exists():
        raise NotFound(f"{node} has not joined from {folder}: `ganglion {zone.name.lower()} join {node}` first")
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    place = home / "systemd" / "user" if for_user else MACHINE
    path = place / f"ganglion-{node}.service"
    try:
        place.mkdir(parents=True, exist_ok=True)
        path.write_text(unit(folder.resolve(), zone, node, for_user), "utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}; run it as root, or give --user") from error
    control = "systemctl --user" if for_user else "systemctl"
    say(f"{path} is written; start it with `{control} daemon-reload && {control} enable --now {path.name}`")
    if for_user:
        say(f"to have it start before anybody logs in: `loginctl enable-linger {getpass.getuser()}`")


def unit(folder: Path, zone: Zone, node: NodeId, for_user: bool) -> str:
    """The unit's text; it runs the Python that runs now."""
    noun = zone.name.lower()
    words = [sys.executable, "-m", "ganglion", noun, "serve", node, "--folder", str(folder)]
    user = "" if for_user else f"User={getpass.getuser()}\n"
    target = "default.target" if for_user else "multi-user.target"
    quoted = " ".join(shlex.quote(word).replace("%", "%%") for word in words)  # a lone % means something to systemd
    place = str(folder).replace("%", "%%")
    return UNIT.format(noun=noun, node=node, user=user, folder=place, command=quoted, target=target)
