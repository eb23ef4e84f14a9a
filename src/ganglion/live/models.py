"""The model store: releases by content and version, their aliases, where each comes from, and how the disk is used.

It reads what a node's processes have written: releases, the journal, the audit log. It changes aliases alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.codec import Codec
from ..core.errors import ConfigError, Corrupt, NotFound
from ..core.ports import Change, Disk, Drop, Put
from ..core.ref import Ref
from ..core.release import Release, Signed
from ..flow.install.messages import Activate
from ..flow.job.cloud import Job
from ..flow.rollout.cloud import Rollout
from ..flow.round.server import Round
from ..node.auditing import read as read_audit
from ..node.journal import replay
from ..node.loaded import ACTIVE, RELEASES
from .admin_messages import Lineage, ModelRow, Models

ALIASES = "aliases"  # table: alias -> counter
APPROVED = "approved"  # an act in the audit log: somebody let a release be made
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")


@dataclass
class ModelStore:
    """Over one node's disk."""

    disk: Disk
    codec: Codec

    def all(self, used: tuple[tuple[str, int], ...] = ()) -> Models:
        """Every release, newest first. `used`: bytes by class of data, where somebody has counted them."""
        rows = [self._row(counter, manifest) for counter, manifest in self._releases()]
        return Models(tuple(sorted(rows, key=lambda row: -row.counter)), used)

    def changes(self, alias: str, which: str) -> list[Change]:
        """What to commit so that an alias stands for a release; "": for none. Raises ConfigError, NotFound."""
        if not _ALIAS.fullmatch(alias):
            raise ConfigError(f"{alias!r} is no alias: it is a letter, then letters, digits, . _ -; such as champion")
        if not which:
            return [Drop(ALIASES, alias)]
        return [Put(ALIASES, alias, str(self.counter_of(which)).encode(), replace=True)]

    def counter_of(self, which: str) -> int:
        """A release by its counter, an alias, or the beginning of a digest. Raises NotFound."""
        if which.isdecimal():
            self._manifest(int(which))
            return int(which)
        for alias, counter in self._aliases():
            if alias == which:
                return counter
        found = [c for c, manifest in self._releases() if len(which) >= 6 and self._has_digest(manifest, which)]
        if len(found) == 1:
            return found[0]
        raise NotFound(f"{len(found) or 'no'} releases go by {which!r}; give a counter, an alias or more of a digest")

    def release_of(self, which: str) -> Release:
        """A release's manifest. Raises NotFound, Corrupt."""
        return self._release(self._manifest(self.counter_of(which)))

    def explain(self, which: str) -> Lineage:
        """Where a release comes from. Raises NotFound, Corrupt."""
        counter = self.counter_of(which)
        row, release = self._row(counter, self._manifest(counter)), self._release(self._manifest(counter))
        flows = [slot.flow for slot, _ in replay(self.disk, self.codec)]
        data = [("examples trained on and rehearsed", release.replay.digest)]
        for flow in flows:
            if isinstance(flow, Round) and flow.number == counter:
                data.append(("weights before the round", flow.base.digest))
                data += [(f"update of {node}", update.delta.digest) for node, update in flow.got.items()]
            if isinstance(flow, Job) and flow.number == counter and flow.order.weights is not None:
                data.append(("weights it was exported from", flow.order.weights.digest))
        rollouts = [flow for flow in flows if isinstance(flow, Rollout) and flow.counter == counter]
        steps = [f"{node}: {state}" for rollout in rollouts for node, state in rollout.states.items()]
        acts = [self.codec.decode(entry.record).act for entry in read_audit(self.disk, self.codec)]
        approvers = [act.why for act in acts if act.act == APPROVED and act.what == f"release {counter}"]
        return Lineage(
            row,
            int(release.weights.label.tier),
            tuple(self._ancestors(release)),
            tuple(data),
            tuple(approvers) or ("policy",),
            tuple(steps),
        )

    def spent(self) -> tuple[tuple[str, float], ...]:
        """Privacy budget by what was declassified, from the audit log."""
        acts = (self.codec.decode(entry.record).act for entry in read_audit(self.disk, self.codec))
        total: dict[str, float] = {}
        for act in acts:
            if act.epsilon:
                total[act.what] = total.get(act.what, 0.0) + act.epsilon
        return tuple(sorted(total.items()))

    def _ancestors(self, release: Release) -> Iterator[int]:
        known = dict(self._releases())
        parent = release.parent
        while parent:
            yield parent
            parent = self._release(known[parent]).parent if parent in known else 0

    def _row(self, counter: int, manifest: Ref) -> ModelRow:
        release = self._release(manifest)
        active = [self.codec.decode(row.data).counter for row in self.disk.scan(ACTIVE)]
        return ModelRow(
            counter,
            tuple(alias for alias, named in self._aliases() if named == counter),
            release.parent,
            release.trigger,
            manifest.digest,
            sum(ref.size_bytes for ref in set(release.refs())),
            release.evaluation,
            counter in active,
            all(self.disk.has(ref) for ref in release.refs()),
        )

    def _releases(self) -> list[tuple[int, Ref]]:
        rows: list[Activate] = [self.codec.decode(row.data) for row in self.disk.scan(RELEASES)]
        return [(row.counter, row.manifest) for row in rows if row.manifest is not None]

    def _manifest(self, counter: int) -> Ref:
        found = [manifest for known, manifest in self._releases() if known == counter]
        if not found:
            there = [known for known, _ in self._releases()]
            raise NotFound(f"no release {counter}: there are {there}; see `ganglion model ls`")
        return found[0]

    def _release(self, manifest: Ref) -> Release:
        signed: Any = self.codec.decode(self.disk.get(manifest))
        release = self.codec.decode(signed.manifest) if isinstance(signed, Signed) else None
        if not isinstance(release, Release):
            raise Corrupt(f"manifest {manifest.digest[:12]} holds no release; restore it from another node")
        return release

    def _aliases(self) -> list[tuple[str, int]]:
        return [(row.key, int(row.data)) for row in self.disk.scan(ALIASES)]

    def _has_digest(self, manifest: Ref, start: str) -> bool:
        release = self._release(manifest)
        return any(one.digest.startswith(start) for one in (manifest, release.weights, release.stored))
