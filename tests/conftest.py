"""What every test shares: where the package lies, one thread per test process, and no verdict by stopwatch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two workers of two threads each would fight over two cores; libraries read these when they are first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# how long one example takes says how busy the machine is; a test's own time limit is in pyproject.toml
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def package() -> Path:
    """The package's folder."""
    return ROOT / "src" / "ganglion"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with larger public data sets; tests that want it are skipped where there is none."""
    named = os.environ.get("GANGLION_DATA", "")
    if not named:
        pytest.skip("set GANGLION_DATA to a folder with data sets to run this")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"GANGLION_DATA={named} is no folder; correct it, or unset it to skip tests of larger data sets")
    return folder
