"""What a client does in a round: (task, kept) -> steps that end in an update and what it keeps for the next."""

from .local_sgd import LocalSgd

__all__ = ["LocalSgd"]
