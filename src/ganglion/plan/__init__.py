"""Where to run: which zone computes which segments of a model, and where a sample may be answered."""

from .baseline import baselines
from .cost import Cost, Path
from .place import Choice, careful, place
from .problem import GRID, Calibration, Host, Problem
from .shape import Shape, settings, shapes
from .weigh import Weighed, weighed

__all__ = [
    "GRID",
    "Calibration",
    "Choice",
    "Cost",
    "Host",
    "Path",
    "Problem",
    "Shape",
    "Weighed",
    "baselines",
    "careful",
    "place",
    "settings",
    "shapes",
    "weighed",
]
