"""What every test shares: where the package lies, and one thread per test process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Two workers of two threads each would fight over two cores; libraries read these when they are first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

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
