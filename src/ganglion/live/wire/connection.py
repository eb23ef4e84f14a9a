"""One WebSocket of one lane, whichever side dialled: hello, frames in and out, credit, heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ...core.codec import Codec
from ...core.errors import GanglionError, ProtocolError
from ...core.fleet import NodeId
from ...core.process import Lane
from .frame import Bytes, Draft, Header, Kind, seconds_of, signal
from .incoming import Data, Incoming, Whole
from .limits import Settings
from .measure import ENOUGH_BYTES
from .sockets import tune

FRAGMENT_BYTES = 48 * 1024 - 16  # of a large frame: with its header three whole TLS records
MESSAGE_BYTES = 2 * 1024 * 1024  # the largest fragment taken: a header, the most metadata, one fragment of arrays
REASON_BYTES = 120  # of a WebSocket close frame
GRACE_S = 0.5  # for a refusal to reach the peer before the socket goes
RECEIPT_S = 0.1  # transfers are reported no more often
WARM_S = 0.001  # transfers shorter than this say nothing about the link's rate

_BINARY, _MORE = WSMsgType.BINARY, WSMsgType.CONTINUATION


class Owner(Protocol):
    """Who keeps the connections of a node."""

    settings: Settings
    codec: Codec

    def admit(self, connection: Connection, certificate: Mapping[str, Any] | None) -> NodeId: ...  # or raises Refused
    def ready(self, connection: Connection, credit: int) -> None: ...
    def parcel(self, connection: Connection, made: Draft, data: Data, seconds: float) -> None: ...
    def signal(self, connection: Connection, header: Header, seconds: float) -> None: ...
    def room(self, connection: Connection, free: bool) -> None: ...  # the socket is full, or has room again
    def round_trip(self, connection: Connection, seconds: float) -> None: ...
    def gone(self, connection: Connection) -> None: ...


class Connection(WSListener):
    """Speaks frames over one WebSocket; what they mean is its owner's business."""

    def __init__(self, lane: Lane, owner: Owner, tap: Callable[[NodeId, Bytes], None] | None) -> None:
        self.lane = lane
        self.peer = NodeId("")
        self.congestion = ""
        self.why = ""  # it ended, or will
        self.ended: asyncio.Event = asyncio.Event()
        self.greeted: asyncio.Event = asyncio.Event()  # the peer's hello has come, or the connection has ended
        self._greeted = False
        self._owner = owner
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._ws: WSTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unanswered: list[float] = []  # when each ping went out
        self._reported_s = 0.0
        granted = owner.settings.granted(lane)
        self._in = Incoming(owner.settings.data_bytes(lane), granted, self._loop.time, owner.codec)

    @property
    def is_ready(self) -> bool:
        """Whether frames may be sent."""
        return self._greeted and not self.why

    def on_ws_connected(self, transport: WSTransport) -> None:
        """TLS and WebSocket are agreed on: learn who it is, say hello, wait for theirs."""
        self._ws = transport
        self.congestion = tune(transport.underlying_transport)
        try:
            certificate = transport.underlying_transport.get_extra_info("peercert")
            self.peer = self._owner.admit(self, certificate)
        except GanglionError as error:
            self.refuse(str(error))
            return
        self._timer = self._loop.call_later(self._owner.settings.greet_s, self.refuse, "no hello came in time")
        self.say(Kind.HELLO, self.lane, 2 * self._in.half)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A piece of a frame, a pong or the end."""
        kind = frame.msg_type
        if kind is _BINARY or kind is _MORE:
            if self.why:
                return
            try:
                whole = self._in.take(frame.get_payload_as_memoryview(), frame.fin)
                if whole is not None:
                    (self._hear if whole[0].kind is Kind.PARCEL else self._obey)(whole)
            except ProtocolError as error:
                self.refuse(str(error))
        elif kind == WSMsgType.PONG:
            self._pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self._end(f"the peer closed the connection: {frame.get_close_reason() or 'without a reason'}")
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket is gone."""
        self._end("the connection broke")

    def pause_writing(self) -> None:
        """The socket is full."""
        self._owner.room(self, False)

    def resume_writing(self) -> None:
        """The socket has room again."""
        self._owner.room(self, True)

    def write(self, head: bytes, parts: Sequence[memoryview], size_bytes: int) -> None:
        """One frame, whole or in fragments; `size_bytes` of its arrays."""
        assert self._ws is not None
        if self._tap is not None:
            self._tap(self.peer, b"".join((head, *parts)))
        if size_bytes <= FRAGMENT_BYTES:
            self._ws.send(_BINARY, b"".join((head, *parts)))
            return
        self._ws.send(_BINARY, head, False)
        for part in parts:
            for start in range(0, len(part), FRAGMENT_BYTES):
                piece = part[start : start + FRAGMENT_BYTES]
                size_bytes -= len(piece)
                self._ws.send(_MORE, piece, size_bytes == 0)

    def say(self, kind: Kind, lane: Lane, id: int, seconds: float | None = None) -> None:
        """A frame that is no parcel; not held back by credit."""
        if self._ws is not None and not self.why:
            frame = signal(kind, lane, id, seconds)
            if self._tap is not None:
                self._tap(self.peer, frame)
            self._ws.send(_BINARY, frame)

    def refuse(self, why: str) -> None:
        """Ends the connection and tells the other side why."""
        if self.why or self._ws is None:
            return
        self._end(why)
        reason = why.encode()[:REASON_BYTES].decode(errors="ignore").encode()
        self._ws.send_close(WSCloseCode.POLICY_VIOLATION, reason)
        self._loop.call_later(GRACE_S, self._ws.disconnect)

    def drop(self, why: str) -> None:
        """Ends the connection at once, without a word."""
        self._end(why)
        if self._ws is not None:
            self._ws.disconnect(False)

    def beat(self) -> None:
        """Pings now and from now on; a peer that misses too many answers is dead."""
        self._stop_timer()
        if self.why or self._ws is None:
            return
        settings = self._owner.settings
        if len(self._unanswered) >= settings.misses:
            self.drop(f"{settings.misses} pings went unanswered in {settings.misses * settings.ping_s:g} s")
            return
        self._unanswered.append(self._loop.time())
        self._ws.send_ping(repr(self._unanswered[-1]).encode())
        self._timer = self._loop.call_later(settings.ping_s, self.beat)

    def _end(self, why: str) -> None:
        if self.why:
            return
        self.why = why
        self._stop_timer()
        self.greeted.set()
        self.ended.set()
        self._owner.gone(self)

    def _obey(self, whole: Whole) -> None:
        header, meta, _, _ = whole
        if header.kind is Kind.HELLO:
            self._greet(header)
        elif self._greeted:
            seconds = seconds_of(meta) if header.kind is Kind.RECEIPT and not isinstance(meta, Draft) else 0.0
            self._owner.signal(self, header, seconds)
        else:
            raise ProtocolError(f"a {header.kind.name} frame came before the hello")

    def _hear(self, whole: Whole) -> None:
        header = whole[0]
        if header.lane is not self.lane or not self._greeted:
            raise ProtocolError(
                f"a parcel of lane {header.lane.name} came on lane {self.lane.name} or before the hello"
            )
        made = whole[1]
        assert isinstance(made, Draft)
        self._owner.parcel(self, made, whole[2], whole[3])
        if self._in.fresh >= self._in.half:
            self.say(Kind.CREDIT, self.lane, self._in.grant())
        if whole[3] >= WARM_S and header.data_bytes >= ENOUGH_BYTES:
            self._report(header.data_bytes, whole[3])

    def _report(self, size_bytes: int, seconds: float) -> None:
        now_s = self._loop.time()
        if now_s - self._reported_s >= RECEIPT_S:
            self._reported_s = now_s
            self.say(Kind.RECEIPT, self.lane, size_bytes, seconds)

    def _greet(self, header: Header) -> None:
        if self._greeted or header.lane is not self.lane:
            raise ProtocolError(f"a second hello, or one for lane {header.lane.name}, came on lane {self.lane.name}")
        self._stop_timer()
        self._greeted = True
        self.greeted.set()
        self._owner.ready(self, header.id)

    def _pong(self, payload: bytes) -> None:
        for place, sent_s in enumerate(self._unanswered):
            if payload == repr(sent_s).encode():
                del self._unanswered[: place + 1]
                self._owner.round_trip(self, self._loop.time() - sent_s)
                return

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
