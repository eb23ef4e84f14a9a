"""Asks the cloud of a project that runs on this machine, or one elsewhere as the person at this console."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..core.fleet import Fleet

Folder = Annotated[Path, typer.Option(help="The project's folder, or one that `demo --keep` left.")]
At = Annotated[str, typer.Option(help="Ask a cloud elsewhere, as host:port, with this console's certificate.")]
Console = Annotated[Path, typer.Option(help="Folder of this console's key and certificate.")]
HERE, OWN = Path("."), Path("~/.ganglion-console")


@dataclass(frozen=True)
class Where:
    """Which cloud is meant."""

    folder: Path
    at: str
    console: Path

    def ask(self, request: Any) -> Any:
        """The cloud's answer. Raises what the cloud raised, Unreachable where it does not run."""
        if self.at:
            from ..live.console import ConsoleClient
            from .console import address_of

            return ConsoleClient(self.console.expanduser(), address_of(self.at)).ask(request)
        from ..live.admin import AdminClient

        with AdminClient(self.home()) as client:
            return client.ask(request)

    def home(self) -> Path:
        """The cloud's folder on this machine."""
        from ..core.label import Zone
        from .folder import state_of
        from .nodes import node_folder

        return node_folder(state_of(self.folder), "", Zone.CLOUD)

    def fleet(self) -> Fleet:
        """As the project declares it, else as the cloud was given it."""
        from ..config import FLEET, read_fleet
        from ..live.agent_file import read_agent_file

        file = self.folder / FLEET
        return read_fleet(file).fleet if file.exists() else read_agent_file(self.home()).fleet
