"""Shaped links as a process of their own: `python -m ganglion.live.shaper CONFIG.json`.

It answers in JSON lines: first {"ports": {name: port}}, then one per command on stdin: `cut NAME`, `cut NAME reset`,
`mend NAME`, `bytes`. It ends when stdin does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ...core.errors import ConfigError, GanglionError, NotFound
from ...core.fleet import Link
from .link import ShapedLink


@dataclass(frozen=True)
class Shaped:
    """One link, and where it leads."""

    link: Link
    target: tuple[str, int]
    seed: int = 0
    port: int = 0  # to listen on; 0 = any that is free


@dataclass(frozen=True)
class Config:
    """All links of one process."""

    links: tuple[Shaped, ...]
    host: str = "127.0.0.1"


def read_config(path: Path) -> Config:
    """The config in a file. Raises ConfigError."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=Config)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path} is no config of shaped links: {error}; mend that entry") from error
    names = [shaped.link.name for shaped in config.links]
    if len(set(names)) != len(names):
        raise ConfigError(f"{path}: link names must be unique, got {names}; rename one")
    return config


def obey(line: str, links: dict[str, ShapedLink]) -> dict[str, Any]:
    """Carries out one command."""
    match line.split():
        case ["cut", name, *how] if how in ([], ["reset"]):
            _named(name, links).cut(reset=bool(how))
            return {"cut": name}
        case ["mend", name]:
            _named(name, links).mend()
            return {"mended": name}
        case ["bytes"]:
            carried = {name: (link.up.carried_bytes, link.down.carried_bytes) for name, link in links.items()}
            return {"bytes": {name: {"up": up, "down": down} for name, (up, down) in carried.items()}}
    raise ConfigError(f"{line.strip()!r} is no command; there are: cut NAME [reset], mend NAME, bytes")


async def run(config: Config) -> None:
    """Carries and obeys until stdin ends."""
    links = {shaped.link.name: ShapedLink(shaped.target, shaped.link, shaped.seed) for shaped in config.links}
    try:
        ports = {s.link.name: await links[s.link.name].start(config.host, s.port) for s in config.links}
    except OSError as error:
        raise ConfigError(f"a shaped link cannot listen on {config.host}: {error}; choose port 0") from error
    _say({"ports": ports})
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        try:
            _say(obey(line.decode(errors="replace"), links))
        except GanglionError as error:
            _say({"error": str(error)})
    for link in links.values():
        await link.close()


def main() -> int:
    """The exit code."""
    try:
        if len(sys.argv) != 2:
            raise ConfigError(f"one config file is wanted, got {len(sys.argv) - 1} arguments; see {__doc__}")
        asyncio.run(run(read_config(Path(sys.argv[1]))))
    except GanglionError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _named(name: str, links: dict[str, ShapedLink]) -> ShapedLink:
    if name not in links:
        raise NotFound(f"no link {name!r}; there are {sorted(links)}")
    return links[name]


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
