"""Links of a real machine made as slow as declared: a relay in user space that carries bytes without reading them."""

from __future__ import annotations

from .link import ShapedLink as ShapedLink
from .measure import Measured as Measured
from .measure import measure as measure
