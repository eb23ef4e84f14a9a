"""Promises that other benches know how to test, in the survive bench's rows: releases, manifests, identities."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ..core.errors import Refused
from ..core.fleet import NodeId
from ..core.label import Zone
from ..live.identity import certificates
from ..live.identity.authority import Authority, create_authority
from ..live.identity.issuer import WINDOW_S
from ..live.identity.messages import token_of
from ..live.identity.node import key_of
from ..sim.faults import Faults
from . import rollout_sim
from .fuzz import mutate
from .hostile_identities import manifests
from .rollout_cases import CUTS

DAY_S = 86_400.0
LANDED = Faults(landed=0.5)
Result = dict[str, Any]


def updates(cases: int, rounds: int, seed: int) -> Result:
    """P10: a node's power goes at a phase of a roll-out, amid what it writes then; nobody is left between."""
    wrong, played = list[str](), 0
    for turn in range(rounds):
        for case in CUTS[:: max(len(CUTS) // cases, 1)]:
            story = rollout_sim.world(seed + turn, first=case.first)
            story.world.wires.faults = LANDED  # type: ignore[attr-defined]  # it is the simulator's
            played += 1
            wrong += [f"{case.what}, seed {seed + turn}: {fault}" for fault in case.play(story)]
    what, bar = "P10: power cuts at the phases of a roll-out", "old or new, nobody stuck"
    return {"what": what, "runs": played, "bar": bar, "ok": not wrong, "why": " | ".join(wrong[:2])}


def changed(count: int, seed: int) -> Result:
    """P11: no changed manifest is taken."""
    with tempfile.TemporaryDirectory(prefix="ganglion-survive-") as name:
        create_authority(Path(name) / "cloud")
        row = manifests(Path(name) / "cloud", count, seed, mutate)
    bar = "0 accepted"
    return {
        "what": "P11: changed manifests",
        "runs": row["inputs"],
        "accepted": row["accepted"],
        "bar": bar,
        "ok": row["ok"],
    }


def ended() -> Result:
    """P14: a certificate that has ended is renewed within the window, and not after it."""
    with tempfile.TemporaryDirectory(prefix="ganglion-survive-") as name:
        authority, edge = create_authority(Path(name) / "cloud"), NodeId("edge-1")
        csr = certificates.request(key_of(Path(name) / "edge"), edge)
        token = token_of(authority.invite(edge, Zone.EDGE, 60.0))
        authority.enrol(token.id, token.secret, edge, csr)
        old = Authority.load(authority.folder)

        def renewed(days_after_end: float) -> bool:
            old.now_s = lambda: time.time() - (certificates.NODE_DAYS + days_after_end) * DAY_S
            pem = old.issue(csr, edge, Zone.EDGE).certificate
            try:
                authority.renew(csr, pem[: pem.index(b"-----END") + 26])
            except Refused:
                return False
            return True

        window_days = WINDOW_S / DAY_S
        found = {days: renewed(days) for days in (1.0, window_days - 1.0, window_days + 1.0)}
    ok = list(found.values()) == [True, True, False]
    bar = f"renewed until day {window_days:g} after its end"
    return {"what": "P14: a certificate that has ended", "runs": len(found), "bar": bar, "ok": ok, "why": str(found)}
