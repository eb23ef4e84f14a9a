"""How much a sample is worth keeping: probabilities [..., classes] -> score [...] in [0, 1], more is harder."""

from .confidence import Confidence
from .entropy import Entropy
from .margin import Margin

__all__ = ["Confidence", "Entropy", "Margin"]
