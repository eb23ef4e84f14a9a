"""A job on clients in this process: data parted among them, rounds by a strategy, judged, stopped, saved, resumed."""

from .federation import Federation, Result, Round, Stop

__all__ = ["Federation", "Result", "Round", "Stop"]
