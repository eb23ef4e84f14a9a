"""Many updates in, one delta out. Linear ones also `lift` and `lower` around a sum that others may add up."""

from .fair_mean import FairMean
from .mean import Mean, Total
from .median import Median
from .nova import Nova

__all__ = ["FairMean", "Mean", "Median", "Nova", "Total"]
