"""What the tests of the demo share: one folder of what engines have computed."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder for all workers of a test run; whoever writes an answer there writes it in one step."""
    return tmp_path_factory.getbasetemp().parent / "ganglion-demo-cache"
