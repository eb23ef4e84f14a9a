"""What a round's delta does to the weights: (weights, delta, state) -> (weights, state); state begins as None."""

from .adaptive import Adagrad, Adam, Yogi
from .add import Add
from .momentum import Momentum

__all__ = ["Adagrad", "Adam", "Add", "Momentum", "Yogi"]
