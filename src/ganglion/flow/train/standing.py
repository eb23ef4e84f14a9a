"""Where a job stands, and how its weights move on: the same with rounds and without."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...core.fleet import NodeId
from ...core.ref import Ref
from ...core.update import Counted
from .messages import Evaluated, Progress, State, TrainOver


@dataclass
class Standing:
    """The server's state between two steps, and which blobs nobody needs any more."""

    job: int
    state: State | None = None
    done: int = 0  # steps
    total: Counted | None = None  # what the next step takes
    counted: tuple[tuple[NodeId, Counted], ...] = ()  # what is in it
    spent: tuple[Ref, ...] = ()
    since_s: float = 0.0
    accuracy: float = -1.0

    @property
    def handed_bytes(self) -> int:
        """What one client is given to begin from."""
        state = self.state
        return 0 if state is None else state.weights.size_bytes + (state.common.size_bytes if state.common else 0)

    def moved(self, state: State, used: Iterable[Ref] = ()) -> None:
        """A step was made. `used`: blobs that somebody may still be fetching."""
        before, total = self.state, self.total
        assert before is not None and total is not None
        needed = {state.weights, state.step, state.common, *used}
        kept = (ref for ref in self.spent if ref in needed)
        gone = (before.weights, before.step, before.common, total.delta, *(one.delta for _, one in self.counted))
        self.spent = (*kept, *(ref for ref in gone if ref is not None and ref != state.weights))
        self.state, self.done, self.total = state, self.done + 1, None

    def progress(self, judged: Evaluated, handed: int, now_s: float) -> Progress:
        """The fact of it; `handed`: how many clients were given weights for this step."""
        assert self.state is not None
        self.accuracy, since_s, self.since_s = judged.accuracy, self.since_s, now_s
        up_bytes = sum(one.delta.size_bytes for _, one in self.counted)
        counted = tuple(client for client, _ in self.counted)
        down_bytes, weights = handed * self.handed_bytes, self.state.weights
        return Progress(
            self.job, self.done, judged.accuracy, judged.loss, up_bytes, down_bytes, now_s - since_s, counted, weights
        )

    def over(self, why: str) -> TrainOver:
        """The fact that the job ended."""
        weights = None if self.state is None else self.state.weights
        return TrainOver(self.job, self.done, self.accuracy, weights, why)
