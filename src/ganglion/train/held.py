"""A job's examples in the order of their clients: who has which is two numbers a client, and no part is copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, NotFound
from ..core.label import Form, Label
from ..core.ref import HELD, Ref
from ..core.rng import stream
from ..core.sample import Examples

BLOCK = 1024  # test examples that are judged at once
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Held:
    """What clients learn from, what judges each of them, and what judges the common model."""

    learnt: Examples
    ends: Rows  # [clients + 1]: client k has the rows ends[k] to ends[k + 1]
    judged: Examples  # of the same clients, never learnt from
    judged_ends: Rows
    test: Examples

    @staticmethod
    def of(train: Examples, parts: Sequence[Rows], held_out: float, seed: int, test: Examples | None) -> Held:
        """Arranges examples by client; a share of each client's, at least one, is held out where that is above 0."""
        if not parts or min(len(part) for part in parts) < 1 + (held_out > 0):
            raise ConfigError("some client has too few examples; part the data otherwise, or hold none out")
        turned = [stream(seed, "held out", k).permutation(part) for k, part in enumerate(parts)] if held_out else parts
        cuts = [max(1, round(held_out * len(part))) if held_out else 0 for part in parts]
        kept = [part[cut:] for part, cut in zip(turned, cuts, strict=True)]
        out = [part[:cut] for part, cut in zip(turned, cuts, strict=True)]
        none = train.take(slice(0, 0)) if test is None else test
        return Held(_taken(train, kept), _ends(kept), _taken(train, out), _ends(out), none)

    @property
    def clients(self) -> int:
        """How many there are."""
        return len(self.ends) - 1

    @property
    def blocks(self) -> int:
        """How many pieces the test comes in."""
        return -(-len(self.test) // BLOCK)

    def size(self, client: int) -> int:
        """How many examples a client learns from."""
        return int(self.ends[client + 1] - self.ends[client])

    def ref(self, kind: str, place: int) -> Ref:
        """A name for a client's examples ("learnt", "judged") or for a piece of the test ("test")."""
        tier = (self.test if kind == "test" else self.learnt).tier
        return Ref(f"{HELD}{kind}/{place}", 0, Label(tier, Form.RAW))

    def read(self, ref: Ref) -> Examples:
        """What a name stands for. Raises NotFound for one that was not made here."""
        kind, _, place = ref.digest.removeprefix(HELD).partition("/")
        if kind not in ("learnt", "judged", "test") or not place.isdigit():
            raise NotFound(f"no examples {ref.digest} in this job; ask for those of a client or of the test")
        at = int(place)
        if kind == "test":
            return self.test.take(slice(at * BLOCK, (at + 1) * BLOCK))
        whole, ends = (self.learnt, self.ends) if kind == "learnt" else (self.judged, self.judged_ends)
        return whole.take(slice(int(ends[at]), int(ends[at + 1])))


def _taken(whole: Examples, parts: Sequence[Rows]) -> Examples:
    """The rows of all parts in order; not copied where they are in order already."""
    rows = np.concatenate(parts)
    return whole if len(rows) == len(whole) and (np.diff(rows) == 1).all() else whole.take(rows)


def _ends(parts: Sequence[Rows]) -> Rows:
    return np.cumsum([0, *(len(part) for part in parts)])
