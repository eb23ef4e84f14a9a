"""Answer here, or ask farther: exits decide by calibrated probabilities, thresholds are chosen for a stated risk."""

from .calibrate import calibration_error, nll, temperature
from .threshold import Chosen, choose_threshold

__all__ = ["Chosen", "calibration_error", "choose_threshold", "nll", "temperature"]
