"""A small coverage-guided fuzzer for decoders in this process: whatever reaches new arcs of code is mutated further.

Source: Zalewski, AFL technical details (2013): arcs between places as coverage, stacked mutations, splices.
"""

from __future__ import annotations

import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

MOST_BYTES = 4096
CORPUS = 400  # inputs that are mutated further; the oldest make room
HANG_S = 1.0
LATEST = 8  # inputs that count as found last
STACKED = 6  # mutations on top of each other, at most
NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 1023, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
WIDTHS = (1, 2, 4, 8)
Arc = tuple[int, int]


class Hang(BaseException):
    """One input has taken too long; no decoder may swallow it."""


@dataclass(frozen=True)
class Target:
    """A decoder, the errors that it declares, inputs that are good, and the code whose arcs count."""

    name: str
    decode: Callable[[bytes], Any]
    declared: tuple[type[Exception], ...]
    seeds: Sequence[bytes]
    modules: Sequence[str]  # dotted names
    words: Sequence[bytes] = ()  # that mean something to it


@dataclass
class Found:
    """What came of one target."""

    inputs: int = 0
    accepted: int = 0  # decoded without an error
    arcs: int = 0
    corpus: int = 0
    crashes: list[str] = field(default_factory=list)  # error and the input in hex
    slowest_s: float = 0.0
    seconds: float = 0.0
    rss_growth: float = 0.0  # over the last nine tenths, as a share


class Coverage:
    """Arcs (line to line) that were reached in some files, by the interpreter's own tracing."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self.seen: set[Arc] = set()
        self._now: set[Arc] = set()

    def is_new(self, call: Callable[[], None]) -> bool:
        """Runs a call; whether it has reached an arc for the first time."""
        self._now = set()
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call()
        finally:
            sys.settrace(before)
        fresh = not self._now <= self.seen
        self.seen |= self._now
        return fresh

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in self._files:
            return None
        last, place, now = 0, hash(frame.f_code), self._now

        def line(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal last
            now.add((place, last * 65_536 + frame.f_lineno))
            last = frame.f_lineno
            return line

        return line


def mutate(raw: bytes, other: bytes, words: Sequence[bytes], rng: random.Random) -> bytes:
    """Up to six changes on top of each other: bits, bytes, numbers of any width, blocks, words, a splice."""
    made = bytearray(raw)
    for _ in range(1 if rng.random() < 0.5 else rng.randint(2, STACKED)):
        at, kind = rng.randrange(len(made) + 1), rng.randrange(8)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(made):
            made[at] = rng.randrange(256)
        elif kind == 2:  # a length, an offset or a count, perhaps
            width = rng.choice(WIDTHS)
            number = rng.choice(NUMBERS) if rng.random() < 0.7 else len(made) + rng.randint(-9, 9)
            value = number % (1 << 8 * width)
            made[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
        elif kind == 3:
            del made[at : at + rng.randint(1, 16)]
        elif kind == 4:
            made[at:at] = made[at : at + rng.randint(1, 32)]
        elif kind == 5:
            made[at:at] = rng.randbytes(rng.randint(1, 8))
        elif kind == 6 and words:
            word = rng.choice(words)
            made[at : at + (len(word) if rng.random() < 0.5 else 0)] = word
        else:
            made[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(made[:MOST_BYTES])


def fuzz(target: Target, inputs: int, seed: int, traced: int = 1) -> Found:
    """So many inputs; each `traced`-th is looked at for new arcs. A crash is kept, and does not end it."""
    rng, found, corpus = random.Random(f"{target.name} {seed}"), Found(inputs), [*target.seeds]
    coverage = Coverage(str(sys.modules[name].__file__) for name in target.modules)
    first_rss, began_s = 0, time.perf_counter()
    with _alarm(), warnings.catch_warnings(action="ignore"):
        for turn in range(inputs):
            if turn == inputs // 10:
                first_rss = rss_bytes()
            given = turn < len(target.seeds)
            call = _Call(target, corpus[turn] if given else _next(corpus, target.words, rng), found)
            if not given and turn % traced:
                call()
            elif coverage.is_new(call) and not given:
                corpus.append(call.raw)
                if len(corpus) > CORPUS:
                    corpus.pop(len(target.seeds))
    found.arcs, found.corpus = len(coverage.seen), len(corpus)
    found.seconds, found.rss_growth = time.perf_counter() - began_s, rss_bytes() / max(first_rss, 1) - 1.0
    return found


@contextmanager
def _alarm() -> Iterator[None]:
    """While it lasts, a timer that has run out raises Hang."""
    before = signal.signal(signal.SIGALRM, _hang)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class _Call:
    """Decodes one input under a stopwatch and says what became of it."""

    target: Target
    raw: bytes
    found: Found

    def __call__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        began_s = time.perf_counter()
        try:
            self.target.decode(self.raw)
            self.found.accepted += 1
        except self.target.declared:
            pass
        except (Exception, Hang) as error:  # boundary: any other error is what is looked for
            if len(self.found.crashes) < 20:
                self.found.crashes.append(f"{type(error).__name__}: {str(error)[:80]} <- {self.raw.hex()}")
        took_s = time.perf_counter() - began_s
        if took_s > self.found.slowest_s:
            self.found.slowest_s = took_s


def rss_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _next(corpus: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """Half of the time from what was found last: that is where something new is near."""
    first = corpus[-1 - rng.randrange(min(LATEST, len(corpus)))] if rng.random() < 0.5 else rng.choice(corpus)
    return mutate(first, rng.choice(corpus), words, rng)


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {HANG_S:g} s")
