"""The node's side of local control: answers requests that come over the socket file in its folder."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.codec import Codec
from ..core.errors import ConfigError, GanglionError, ProtocolError, Refused, Unreachable
from ..core.facts import Answered as AnsweredFact
from ..core.facts import Arrived, Audited, Denied
from ..core.fleet import NodeId
from ..core.label import Form, Label, Zone
from ..core.sample import Sample
from ..flow.job.cloud import Job
from ..node.drive import Drive
from ..node.loaded import loaded
from ..node.numbers import numbered
from .admin import NAME, socket_path
from .admin_gate import Asker, denial_of, local_asker
from .admin_messages import (
    DTYPES,
    SIZE,
    Answered,
    AskModels,
    AskSnapshot,
    AskStatus,
    BeginFlow,
    Begun,
    ExplainModel,
    Fine,
    Infer,
    NameModel,
    Snapshot,
    Status,
    TellFact,
    Watch,
    Wrong,
    frame_bytes,
    framed,
)
from .agent_facts import Facts
from .models import APPROVED, ModelStore
from .rollout_messages import AskRollouts, CreateRollout, SteerRollout
from .steering import Steering, rollouts
from .tidy import Tidy

log = logging.getLogger("ganglion.admin")


@dataclass
class Admin:
    """Serves the socket file; everything runs on the node's one thread."""

    drive: Drive
    facts: Facts
    codec: Codec
    status: Callable[[], Status]
    tidy: Tidy
    _asked: int = 0
    _waiting: dict[str, asyncio.Future[AnsweredFact]] = field(default_factory=dict)
    _server: asyncio.AbstractServer | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, folder: Path) -> None:
        """Listens; what a killed process left of the socket is replaced, for this one holds the disk's lock."""
        (folder / NAME).unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with socket_path(folder) as path:
            listening.bind(path)
            os.chmod(path, 0o600)
        self.facts.heard.append(self._answered)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def close(self, folder: Path) -> None:
        """Hangs up on everybody and takes the socket away."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.close()
        (folder / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        tools = self.drive.tools
        who = local_asker(writer.get_extra_info("socket"), tools.fleet.zone(tools.me))
        try:
            while True:
                raw = await reader.readexactly(frame_bytes(await reader.readexactly(SIZE.size)))
                asked = self.codec.decode(raw)
                answer = await self.attempt(asked, who)
                writer.write(framed(self.codec.encode(answer)))
                if isinstance(asked, Watch) and isinstance(answer, Fine):
                    self.facts.watch(writer, asked.after)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):  # it hung up
            pass
        except ProtocolError as error:
            log.warning("a request made no sense: %s", error)
        finally:
            self._open.discard(writer)
            self.facts.unwatch(writer)
            writer.close()

    async def attempt(self, asked: Any, who: Asker) -> Any:
        """What a request is answered with, once the rules let who asks; a denial is told, for the audit log."""
        try:
            if why := denial_of(asked, who, self.codec):
                self.drive.tell(Denied("query", type(asked).__name__, NodeId(who.name), why))
                raise Refused(f"{who.name} asked for a {type(asked).__name__}: {why}; ask somebody who may")
            return await self._answer(asked, who)
        except GanglionError as error:
            return Wrong(type(error).__name__, str(error))
        except Exception as error:  # boundary: whoever asked is told, and the node lives on
            log.exception("a request failed")
            return Wrong("GanglionError", f"{type(error).__name__}: {error}; the node's log has the traceback")

    async def _answer(self, asked: Any, who: Asker) -> Any:
        match asked:
            case TellFact(body):
                self.drive.tell(self.codec.decode(body))
            case BeginFlow(flow):
                return self._begin(self.codec.decode(flow), who)
            case AskStatus():
                return self.status()
            case Infer():
                return await self._infer(asked)
            case Watch():
                pass
            case AskModels():
                return self._models.all(self.tidy.used)
            case NameModel(alias, which):
                await self._name(alias, which, who)
            case ExplainModel(which):
                return self._models.explain(which)
            case AskRollouts() | CreateRollout() | SteerRollout():
                return Steering(self.drive).answer(asked, who)
            case AskSnapshot():
                return self.snapshot()
            case _:
                raise ProtocolError(f"a {type(asked).__name__} is no request; is the other side of this version?")
        return Fine()

    def snapshot(self) -> Snapshot:
        """Everything at one moment: it is read on the node's thread, and nothing else runs meanwhile."""
        store = self._models
        return Snapshot(self.status(), store.all(self.tidy.used), rollouts(self.drive), store.spent())

    @property
    def _models(self) -> ModelStore:
        return ModelStore(self.drive.tools.disk, self.drive.tools.codec)

    async def _name(self, alias: str, which: str, who: Asker) -> None:
        """Gives a release an alias; it is on the disk when whoever asked hears so."""
        changes, written = self._models.changes(alias, which), asyncio.Event()
        self.drive.tell(
            Audited("named", f"{alias} is {which or 'no release'}", f"{who.name} as {who.role.name.lower()}")
        )
        self.drive.tools.disk.commit(changes, written.set)
        await written.wait()

    def _begin(self, flow: Any, who: Asker) -> Begun:
        """Starts a process; who asked for a release is kept in the audit log, where its lineage is read."""
        flow = numbered(flow, self.drive.tools)
        if isinstance(flow, Job):
            self.drive.tell(Audited(APPROVED, f"release {flow.number}", f"{who.name} as {who.role.name.lower()}"))
        self.drive.start(flow)
        return Begun(flow.key)

    async def _infer(self, asked: Infer) -> Answered:
        """Puts a sample in as the sensor would, and waits for its answer."""
        tools = self.drive.tools
        if tools.fleet.zone(tools.me) is not Zone.DEVICE:
            raise Refused(f"{tools.me} is no device; samples come in at devices: ask one of those")
        x = self._array(asked)
        self._asked += 1
        name = f"{tools.me}/asked/{os.getpid()}-{self._asked}"
        ref = tools.tray.put(name, x, Label(asked.tier, Form.RAW))
        waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
        try:
            sample = Sample(name, ref, self.drive.now_s())
            self.drive.tell(Arrived(sample, asked.plan, asked.timeout_s))
            found = await asyncio.wait_for(waiting, asked.timeout_s + 1.0)
        except TimeoutError:
            raise Unreachable(f"{tools.me} did not answer within {asked.timeout_s:g} s; look into its log") from None
        finally:
            del self._waiting[name]
        if found.answer.y < 0:
            raise Unreachable(f"{tools.me} has no release to answer with yet; train and roll one out first")
        return Answered(found.answer, found.took_s)

    def _array(self, asked: Infer) -> NDArray[Any]:
        if asked.dtype not in DTYPES:
            raise ProtocolError(f"a sample of {asked.dtype!r} cannot be asked about; use one of {sorted(DTYPES)}")
        try:
            x = np.frombuffer(asked.data, DTYPES[asked.dtype]).reshape(asked.shape)
        except ValueError as error:
            raise ProtocolError(f"{len(asked.data)} bytes are no array of shape {asked.shape}: {error}") from error
        ready = loaded(self.drive.tools, 0)
        if ready is not None and x.shape != ready.release.input_shape:
            raise ConfigError(
                f"a sample of shape {x.shape} does not fit the model, which takes {ready.release.input_shape}; "
                "resize it"
            )
        if ready is not None:
            ready.release.plan(asked.plan)
        return x

    def _answered(self, body: Any) -> None:
        if isinstance(body, AnsweredFact):
            waiting = self._waiting.get(body.answer.sample)
            if waiting is not None and not waiting.done():
                waiting.set_result(body)
