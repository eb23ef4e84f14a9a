"""A small coverage-guided fuzzer for decoders in this process: whatever reaches new arcs of code is mutated further.

Source: Zalewski, AFL technical details (2013): arcs between places as coverage, stacked mutations, splices.
"""

from __future__ import annotations

import gc
import random
import signal
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

MOST_BYTES = 4096
CORPUS = 400  # inputs that are mutated further; the oldest make room
HANG_S = 1.0  # of the processor, so a process that others hold up is not taken for a hanging one
LATEST = 8  # inputs that count as found last
STACKED = 6  # mutations on top of each other, at most
NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 1023, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
WIDTHS = (1, 2, 4, 8)


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
    """What came of one target so far."""

    inputs: int = 0
    accepted: int = 0  # decoded without an error
    arcs: int = 0
    corpus: int = 0
    crashes: list[str] = field(default_factory=list)  # error and the input in hex
    slowest_s: float = 0.0  # of the processor, as `cpu_s`
    cpu_s: float = 0.0
    rss_bytes: int = 0  # when memory began to count
    grown_bytes: int = 0  # since, over all processes that took part

    @property
    def rss_growth(self) -> float:
        """As a share of what there was when memory began to count."""
        return self.grown_bytes / max(self.rss_bytes, 1)


class Coverage:
    """Arcs (line to line) that were reached in some files, by the interpreter's own tracing."""

    def __init__(self, files: Iterable[str], seen: Iterable[int] = ()) -> None:
        self._files = frozenset(files)
        self.seen = set(seen)
        self._now: set[int] = set()
        self._codes: dict[int, tuple[CodeType, int]] = {}  # by identity: hashing code is slow; 0 = not looked at

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
        code = frame.f_code
        known = self._codes.get(id(code)) or self._codes.setdefault(id(code), (code, self._place(code)))
        if not known[1]:
            return None
        last, place, now = 0, known[1] << 32, self._now

        def line(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal last
            now.add(place + (last << 16) + frame.f_lineno)
            last = frame.f_lineno
            return line

        return line

    def _place(self, code: CodeType) -> int:
        """The same number in every process."""
        name = f"{Path(code.co_filename).name} {code.co_qualname} {code.co_firstlineno}"
        return 1 + zlib.crc32(name.encode()) if code.co_filename in self._files else 0


def mutate(raw: bytes, other: bytes, words: Sequence[bytes], rng: random.Random) -> bytes:
    """Up to six changes on top of each other: bits, bytes, numbers of any width, blocks, words, a splice."""
    made, chance = bytearray(raw), rng.random  # one cheap draw per choice: drawing is what this costs
    for _ in range(1 if chance() < 0.5 else 2 + int(chance() * (STACKED - 1))):
        at, kind = int(chance() * (len(made) + 1)), int(chance() * 8)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << int(chance() * 8)
        elif kind == 1 and at < len(made):
            made[at] = int(chance() * 256)
        elif kind == 2:  # a length, an offset or a count, perhaps
            width = WIDTHS[int(chance() * 4)]
            known = NUMBERS[int(chance() * len(NUMBERS))]
            number = known if chance() < 0.7 else len(made) - 9 + int(chance() * 19)
            order = "little" if chance() < 0.5 else "big"
            made[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, order)  # type: ignore[arg-type]
        elif kind == 3:
            del made[at : at + 1 + int(chance() * 16)]
        elif kind == 4:
            made[at:at] = made[at : at + 1 + int(chance() * 32)]
        elif kind == 5:
            made[at:at] = rng.randbytes(1 + int(chance() * 8))
        elif kind == 6 and words:
            word = words[int(chance() * len(words))]
            made[at : at + (len(word) if chance() < 0.5 else 0)] = word
        else:
            made[at:] = other[int(chance() * (len(other) + 1)) :]
    return bytes(made[:MOST_BYTES])


def fuzz(target: Target, inputs: int, seed: int, traced: int = 1) -> Found:
    """So many inputs at once; each `traced`-th is looked at for new arcs. A crash is kept, and does not end it."""
    walk = Walk(target, seed, traced)
    walk.go(inputs)
    return walk.found


class Walk:
    """The fuzzing of one target in parts: the same seed and the same parts find the same, in one process or in many."""

    def __init__(self, target: Target, seed: int, traced: int, kept: dict[str, Any] | None = None) -> None:
        self.target = target
        self._seed = seed
        self._traced = traced
        self.found = Found(**kept["found"]) if kept else Found()
        self.corpus = [bytes.fromhex(one) for one in kept["corpus"]] if kept else [*target.seeds]
        files = (str(sys.modules[name].__file__) for name in target.modules)
        self.coverage = Coverage(files, kept["arcs"] if kept else ())
        self._fresh = True  # no part was gone in this process yet
        self._hung = 0  # the input under way when the timer rang last
        self._turn = 0

    def kept(self) -> dict[str, Any]:
        """All that another process needs to go on."""
        corpus = [one.hex() for one in self.corpus]
        return {"found": asdict(self.found), "corpus": corpus, "arcs": sorted(self.coverage.seen)}

    def go(self, inputs: int) -> None:
        """One part. Memory counts from its tenth input in a hundred on where it is the first in a process."""
        found, target, corpus = self.found, self.target, self.corpus
        rng, began_s = random.Random(f"{target.name} {self._seed} {found.inputs}"), time.process_time()
        given = [] if found.inputs else [*target.seeds]
        counts_from, rss = inputs // 10 if self._fresh else 0, 0
        with self._timer(), warnings.catch_warnings(action="ignore"):
            for turn in range(inputs):
                if turn == counts_from:
                    rss = settled_rss_bytes()
                raw = given[turn] if turn < len(given) else _next(corpus, target.words, rng)
                if turn >= len(given) and turn % self._traced:
                    self._decode(raw)
                elif self.coverage.is_new(lambda raw=raw: self._decode(raw)) and turn >= len(given):  # type: ignore[misc]
                    corpus.append(raw)
                    if len(corpus) > CORPUS:
                        corpus.pop(len(target.seeds))
        found.inputs += inputs
        found.arcs, found.corpus = len(self.coverage.seen), len(corpus)
        found.rss_bytes = found.rss_bytes or rss
        found.grown_bytes += settled_rss_bytes() - rss
        found.cpu_s += time.process_time() - began_s
        self._fresh = False

    def _decode(self, raw: bytes) -> None:
        """One input under a stopwatch, and what became of it."""
        self._turn += 1
        began_s = time.process_time()
        try:
            self.target.decode(raw)
            self.found.accepted += 1
        except self.target.declared:
            pass
        except (Exception, Hang) as error:  # boundary: any other error is what is looked for
            if len(self.found.crashes) < 20:
                self.found.crashes.append(f"{type(error).__name__}: {str(error)[:80]} <- {raw.hex()}")
        took_s = time.process_time() - began_s
        if took_s > self.found.slowest_s:
            self.found.slowest_s = took_s

    @contextmanager
    def _timer(self) -> Iterator[None]:
        """While it lasts, an input that is under way at two rings of a timer raises Hang."""
        before = signal.signal(signal.SIGPROF, self._ring)
        signal.setitimer(signal.ITIMER_PROF, HANG_S, HANG_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._hung == self._turn:
            raise Hang(f"more than {HANG_S:g} s")
        self._hung = self._turn


def settled_rss_bytes() -> int:
    """Memory of this process in RAM, without what only waits to be collected, as traced frames and their errors do."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _next(corpus: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """Half of the time from what was found last: that is where something new is near."""
    chance, count = rng.random, len(corpus)
    late = chance() < 0.5
    first = corpus[-1 - int(chance() * min(LATEST, count))] if late else corpus[int(chance() * count)]
    return mutate(first, corpus[int(chance() * count)], words, rng)
