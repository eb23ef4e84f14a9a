"""How long work takes in the simulator: stages by their profile, the rest as declared here."""

from __future__ import annotations

from typing import Any

from ..core.fleet import Node
from ..core.process import Done, Event
from ..core.profile import Profile
from ..flow.adapt.messages import Apply, Learn, Protect
from ..flow.job.messages import FreshWeights, MakeDraft, Package
from ..flow.round.messages import Aggregate
from ..flow.serve.messages import Ran, Run

LARGE_S: dict[type, float] = {  # seconds on the two-core machine that the live demo was measured on
    FreshWeights: 5.0,
    Learn: 4.0,
    MakeDraft: 2.0,
    Package: 0.5,
    Aggregate: 0.05,
    Apply: 0.05,
    Protect: 0.05,
}


def large_work_s(work: Any, node: Node) -> float:
    """Seconds of work in a worker."""
    return LARGE_S.get(type(work), 0.01)


def small_work_s(work: Any, event: Event, profile: Profile | None) -> float:
    """Seconds of work on the node's own thread; only inference is long enough to count."""
    match work, event:
        case Run(), Done(_, Ran(_, exits)) if exits and profile is not None:
            return profile.seconds(exits[0], exits[-1] + 1)
    return 0.0
