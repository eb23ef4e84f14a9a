"""From a model that knows one world to one that knows another: (task, kept) -> steps, like a client's training."""

from .finetune import Finetune

__all__ = ["Finetune"]
