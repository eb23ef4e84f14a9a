"""What a round's delta does to the weights: (weights, delta, state) -> (weights, state); state begins as None."""

from .add import Add
from .momentum import Momentum

__all__ = ["Add", "Momentum"]
