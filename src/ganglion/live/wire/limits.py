"""How much of anything the wire takes: sizes per type of frame, credit, queues, deadlines and waits."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.process import Lane

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """What an operator or a test may set; neighbours should agree on the sizes."""

    control_bytes: int = 4 * MIB  # largest arrays of one parcel on a lane
    tensor_bytes: int = 32 * MIB
    bulk_bytes: int = 256 * MIB
    credit_bytes: int = 96 * MIB  # granted to a peer per tensor connection; a parcel may use half of it
    queue_bytes: int = 128 * MIB  # parcels that wait for credit or a connection, per neighbour and lane
    ping_s: float = 5.0
    misses: int = 3  # pings without an answer after which a peer is dead
    first_wait_s: float = 0.1  # back-off of the dialling side
    longest_wait_s: float = 10.0
    dial_s: float = 15.0  # to connect
    greet_s: float = 30.0  # to agree on TLS and say hello: thousands may wait in line, and who leaves it begins anew
    answer_s: float = 30.0  # a bulk request without a deadline of its own
    stall_s: float = 20.0  # a bulk transfer that moves no byte

    def data_bytes(self, lane: Lane) -> int:
        """The largest arrays of one parcel on a lane."""
        return (self.control_bytes, self.tensor_bytes, self.bulk_bytes)[lane]

    def granted(self, lane: Lane) -> int:
        """The credit that this node gives on a connection of a lane."""
        return self.credit_bytes if lane is Lane.TENSOR else 4 * self.control_bytes
