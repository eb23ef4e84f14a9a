"""Train together: a strategy says who learns, how, what leaves, how updates are added up, and what the sum does."""

from .legal import check
from .strategy import Strategy, total
from .task import Kept, Task

__all__ = ["Kept", "Strategy", "Task", "check", "total"]
