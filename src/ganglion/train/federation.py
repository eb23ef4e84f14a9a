"""Federated learning on virtual clients: the same methods as on live ones, at the speed of the arithmetic.

The same job gives the same bytes for any number of workers, and after any number of interruptions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.compute import Initial
from ..core.errors import ConfigError, GanglionError
from ..core.label import Tier
from ..core.rng import stream
from ..core.sample import Examples
from ..core.tensors import Tensors
from ..learn import Population, Server, Strategy
from ..live.crew import Crew
from ..protect import Consent, Noise
from .checkpoint import load, save
from .clients import Clients, Shared
from .held import Held
from .rounds import Judgement, Rounds


@dataclass(frozen=True)
class Stop:
    """When a job ends, and how often it is judged."""

    rounds: int = 100
    target: float | None = None  # accuracy on the test, or without a test the clients' mean
    patience: int | None = None  # judgements without a better one
    every: int = 1  # rounds between two judgements; the last round is always judged

    def __post_init__(self) -> None:
        if min(self.rounds, self.every, self.patience or 1) < 1:
            raise ConfigError(f"{self} would never end or never judge; rounds, every and patience are 1 or more")


@dataclass(frozen=True)
class Round:
    """What a round came to. Bytes are of tensors, float32 or as a strategy compresses them, without a wire's own."""

    number: int  # from 1
    clients: int
    failed: tuple[tuple[int, str], ...]
    up_bytes: int
    down_bytes: int
    judged: Judgement = Judgement()

    @property
    def accuracy(self) -> float | None:
        """What target and patience look at."""
        return self.judged.clients_mean if self.judged.accuracy is None else self.judged.accuracy


@dataclass(frozen=True, eq=False)
class Result:
    """The weights that a job ended with, its rounds, and why it ended."""

    weights: Tensors
    rounds: tuple[Round, ...]
    why: str
    models: Callable[[int], Tensors]  # of a client: what it answers with

    @property
    def rounds_to_target(self) -> int | None:
        """How many it took to reach the target; None where it was not reached."""
        return self.rounds[-1].number if self.why == "target reached" else None


Tell = Callable[[Round], bool | None]  # true: end here


def _silent(played: Round) -> None:
    """Tells nobody, and goes on."""


@dataclass(frozen=True, eq=False)
class Federation:
    """A model, examples and whose they are, and a strategy; `run` learns.

    `parts` are each client's rows of `train`, as a partition of `learn/partition` gives them.
    """

    build: Callable[[], Any]  # makes a torch module
    train: Examples
    parts: Sequence[NDArray[np.int64]]
    strategy: Strategy
    test: Examples | None = None
    held_out: float = 0.0  # share of a client's examples that judge it and are not learnt from
    seed: int = 0  # decides everything that is random
    workers: int = 2  # processes; 0 does all the work in this one
    alone: float = 5e7  # additions and multiplications of a round that one process does sooner than shares out
    options: dict[str, Any] = field(default_factory=dict)  # of the engine, such as fuse=False
    consent: Consent | None = None  # of those whose private examples these are, to updates that leave as they are

    def __post_init__(self) -> None:
        protected = self.consent is not None or any(isinstance(one, Noise) for one in self.strategy.prepare)
        if self.train.tier > Tier.DERIVED and not protected:
            raise ConfigError(
                f"examples of tier {self.train.tier.name.lower()}: what is learnt from private data may not leave its "
                "clients as it is; give the strategy prepare=(Noise(…),), or the federation a Consent"
            )

    def run(self, stop: Stop = Stop(), folder: Path | None = None, tell: Tell = _silent) -> Result:
        """Plays rounds until a stop; with a folder it is saved at each judgement, and goes on from there.

        Where `tell` says true after a round, that is saved too and the job ends.

        Raises ConfigError for what does not fit together, GanglionError where every client of a round failed.
        """
        from ..engine.torch import TorchEngine

        held = Held.of(self.train, self.parts, self.held_out, self.seed, self.test)
        engine = TorchEngine(self.build, held.read, self.seed, **self.options)
        start: Tensors = engine.answer(Initial(("initial",)))
        shared = Shared.of(len(start.flat), held.clients, self.strategy, max(1, self.workers))
        clients = Clients(held, self.strategy, engine, start, shared, self.seed)
        about = self._about(held, start) if folder else ""
        before = load(folder, about, start, shared) if folder else None
        server, told = before or (Server(start), [])
        with Crew(self.workers, clients.work) as crew:
            job = _Job(self, clients, Rounds(clients, crew, self.alone), stop, [round_of(one) for one in told])
            stopped = False
            while (why := "stopped" if stopped else job.over(server)) is None:
                server = job.play(server)
                stopped = bool(tell(job.rounds[-1]))
                if (stopped or job.rounds[-1].accuracy is not None) and folder is not None:
                    save(folder, about, server, shared, [asdict(one) for one in job.rounds])
            job.rounds_shown(server)
        return Result(server.weights, tuple(job.rounds), why, clients.own)

    def _about(self, held: Held, start: Tensors) -> str:
        """Names the job by everything that decides its bytes."""
        seen = hashlib.sha256(repr((self.strategy, self.seed, self.held_out, sorted(self.options))).encode())
        for array in (held.learnt.x, held.learnt.y, held.ends, start.flat):
            seen.update(np.ascontiguousarray(array).data)
        return seen.hexdigest()


@dataclass(eq=False)
class _Job:
    """One run of a federation."""

    asked: Federation
    clients: Clients
    play_rounds: Rounds
    stop: Stop
    rounds: list[Round]

    def over(self, server: Server) -> str | None:
        """Why it ends here, or None."""
        if server.number >= self.stop.rounds or self.stop.target is not None or self.stop.patience is not None:
            return self._judged_over(server)
        return None

    def _judged_over(self, server: Server) -> str | None:
        judged = [one for one in (played.accuracy for played in self.rounds) if one is not None]
        if self.stop.target is not None and judged and judged[-1] >= self.stop.target:
            return "target reached"
        if self.stop.patience is not None and len(judged) > self.stop.patience:
            best = int(np.argmax(judged))
            if len(judged) - 1 - best >= self.stop.patience:
                return f"no better for {self.stop.patience} judgements"
        return f"{self.stop.rounds} rounds played" if server.number >= self.stop.rounds else None

    def play(self, server: Server) -> Server:
        """One round, and its judgement if it is due."""
        asked, everybody = self.asked, Population(self.clients.held.clients)
        chosen = asked.strategy.select(everybody, stream(asked.seed, "select", server.number))
        cohort = sorted(everybody.index(name) for name in chosen)
        if not cohort:
            raise GanglionError(f"{asked.strategy.select} chose nobody of {len(everybody)} clients; let it choose one")
        after, failed, up = self.play_rounds.play(server, cohort)
        due = after.number % self.stop.every == 0 or after.number >= self.stop.rounds
        judged = self.play_rounds.judge(after) if due else Judgement()
        down = 4 * len(after.weights.flat) * (1 + len(asked.strategy.shares)) * len(cohort)
        self.rounds.append(Round(after.number, len(cohort), tuple(sorted(failed.items())), up, down, judged))
        return after

    def rounds_shown(self, server: Server) -> None:
        """Leaves the last weights where clients' own models are read from."""
        self.play_rounds.show(server)


def round_of(told: dict[str, Any]) -> Round:
    """Reads what a checkpoint says of a round."""
    failed = tuple((int(client), str(why)) for client, why in told["failed"])
    return Round(**{**told, "failed": failed, "judged": Judgement(**told["judged"])})
