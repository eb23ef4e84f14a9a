"""A user's project: a model, data and how to train.

A folder holds model.py with `build()`, data.py with `examples(part)` and `stream(node)`, and perhaps job.toml. They see
each other by relative imports (`from .data import CLASSES`).
"""

from __future__ import annotations

from .data import Source as Source
from .find import Loaded as Loaded
from .find import code_digest as code_digest
from .find import resolve as resolve
