"""An exit rule: calibrated probabilities [..., classes] -> whether to answer here [...]."""

from .confidence import Confidence
from .entropy import Entropy
from .margin import Margin

__all__ = ["Confidence", "Entropy", "Margin"]
