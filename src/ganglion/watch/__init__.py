"""Has the world changed, and is a release worse? A detector's `update(value)` is true once it is alarmed.

Detectors are dataclasses of plain fields, so a node can keep a snapshot of one. Sequential tests are functions of
counts.
"""

from .cusum import Cusum
from .interval import Interval, bootstrap, paired, proportion
from .judge import Judge, Verdict
from .not_worse import NotWorse
from .page_hinkley import PageHinkley
from .release_gate import Outcome, ReleaseGate
from .replan import Replan, local_exit
from .sequential import Decision, Sprt
from .steady import Steady
from .ways import Way, Ways

__all__ = [
    "Cusum",
    "Decision",
    "Interval",
    "Judge",
    "NotWorse",
    "Outcome",
    "PageHinkley",
    "ReleaseGate",
    "Replan",
    "Sprt",
    "Steady",
    "Verdict",
    "Way",
    "Ways",
    "bootstrap",
    "local_exit",
    "paired",
    "proportion",
]
