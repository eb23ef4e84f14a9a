"""Who takes part in a round: (candidates, rng) -> some of them, in the order of their names."""

from .uniform import Uniform

__all__ = ["Uniform"]
