"""Many updates in, one delta out. Linear ones also `lift` and `lower` around a sum that others may add up."""

from .mean import Mean, Total
from .median import Median

__all__ = ["Mean", "Median", "Total"]
