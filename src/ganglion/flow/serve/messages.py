"""What the nodes on a sample's way say, and the work each asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.label import Zone
from ...core.ref import Ref
from ...core.sample import Answer


@dataclass(frozen=True)
class Ask:
    """Nearer to farther: answer this. `x` travels attached."""

    sample: str
    x: Ref  # the raw sample, or the tensor at the boundary before segment `first`
    first: int
    version: int  # release that the asker answers with
    plan: str
    left_s: float


@dataclass(frozen=True)
class Reply:
    """Farther to nearer: the answer; y = -1 when there is none."""

    answer: Answer


@dataclass(frozen=True)
class Mirror:
    """Device to edge: a sample answered without you, for your trial and your drift; nothing comes back."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class Attend:
    """Edge to devices: for a while mirror what you answer yourselves, or stop. On the edge itself: who wants it."""

    mirror: bool
    why: str = ""


@dataclass(frozen=True)
class Run:
    """Work: what the stage of this zone says."""

    x: Ref
    first: int
    version: int  # 0 = the active release
    plan: str
    zone: Zone
    alone: bool = False  # nobody farther can help: the deepest exit that this node's memory holds, whatever the plan


@dataclass(frozen=True)
class Ran:
    """Result: classes and confidences of the exits that ran, and whether one of them is sure enough."""

    version: int
    exits: tuple[int, ...]
    ys: tuple[int, ...]
    confidences: tuple[float, ...]
    leave: int  # place in `exits` of the first that is sure enough; -1: none
    onward: Ref | None  # what the next stage wants; None: there is none
    first: int  # segment that the next stage begins with
    distance: float = -1.0  # of the first boundary's features from what the release knows; -1 where there is none
