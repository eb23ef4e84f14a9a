"""Train together: a strategy says who learns, how, what leaves, how updates are added up, and what the sum does."""

from .cohort import AnswerAll, together
from .compress import Compress
from .legal import check
from .methods import METHODS, fedavg
from .population import Population
from .rate import Constant, Cosine, Exponential, Inverse
from .server import Server, advance
from .strategy import Linear, Strategy, total
from .task import Kept, Task
from .tree import branches, partial, split, whole

__all__ = [
    "METHODS",
    "AnswerAll",
    "Compress",
    "Constant",
    "Cosine",
    "Exponential",
    "Inverse",
    "Kept",
    "Linear",
    "Population",
    "Server",
    "Strategy",
    "Task",
    "advance",
    "branches",
    "check",
    "fedavg",
    "partial",
    "split",
    "together",
    "total",
    "whole",
]
