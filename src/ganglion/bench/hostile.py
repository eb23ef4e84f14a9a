"""Hostile bytes against every decoder in this process and against a port, changed manifests, identities to refuse."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from ..live.identity.authority import create_authority
from .fuzz import Found, Target, Walk, mutate
from .fuzz_targets import targets
from .hostile_identities import identities, manifests
from .hostile_rest import rest
from .kept import Kept

INPUTS, QUICK_INPUTS = 10_000_000, 10_000  # per decoder
PART_INPUTS = 250_000  # after which what was found is kept: a few seconds
MANIFESTS, QUICK_MANIFESTS = 100_000, 5_000
TRACED = 8  # in the full run one input of so many is traced; tracing costs several times the decoding
FLAT = 0.05  # share by which memory may grow over the last nine tenths
STATE = "walk"
PACKAGE = "ganglion."
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """A row per decoder, one of changed manifests, one per identity that must be refused, one of HTTP requests.

    The full run may be ended at any moment: what was found is kept per decoder and part, and another run goes on
    from there for as long as the decoder's code and its mutator are the same.
    """
    with tempfile.TemporaryDirectory(prefix="ganglion-hostile-") as name:
        folder = Path(name)
        create_authority(folder / "cloud")
        rows = [row(one, walked(one, quick, seed)) for one in targets(folder / "cloud")]
        rows.append(manifests(folder / "cloud", QUICK_MANIFESTS if quick else MANIFESTS, seed, mutate))
        rows += identities(folder / "identities")
        rows.append(rest(folder / "rest", quick, seed))
    return {"rows": rows, "ok": all(one["ok"] for one in rows)}


def walked(target: Target, quick: bool, seed: int) -> Found:
    """All inputs of one decoder, from where they stand."""
    if quick:
        walk = Walk(target, seed, traced=1)
        walk.go(QUICK_INPUTS)
        return walk.found
    kept = Kept("fuzz", seed, read_by(target))
    key = f"{target.name.replace(':', '')} {STATE}"
    walk = Walk(target, seed, TRACED, kept.get(key))
    while walk.found.inputs < INPUTS:
        walk.go(PART_INPUTS)
        kept.put(key, walk.kept())
        log.info("%s: %d inputs, %d crashes", target.name, walk.found.inputs, len(walk.found.crashes))
    return walk.found


def read_by(target: Target) -> tuple[str, ...]:
    """Files of this package that decide what a target does."""
    own = (name.removeprefix(PACKAGE) for name in target.modules if name.startswith(PACKAGE))
    return tuple(f"{name.replace('.', '/')}.py" for name in own)


def row(target: Target, found: Found) -> Result:
    """One decoder's line."""
    return {
        "what": target.name,
        "inputs": found.inputs,
        "accepted": found.accepted,
        "arcs": found.arcs,
        "corpus": found.corpus,
        "crashes": len(found.crashes),
        "first_crash": found.crashes[0][:200] if found.crashes else "",
        "slowest_ms": round(found.slowest_s * 1e3, 2),
        "rss_growth": round(found.rss_growth, 4),
        "inputs_cpu_s": round(found.inputs / found.cpu_s),
        "ok": not found.crashes and found.rss_growth <= FLAT,
    }
