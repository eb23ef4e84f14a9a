"""What people do, from the motion sensors of the phone in their pocket: 23 people, 5 activities.

Data: Matey-Sanz, Casteleyn & Granell 2023, Data in Brief 109809 (CC BY 4.0), GeoTecINIT/sp-sw-har-dataset. Put
har-phone-watch.tar.xz into a folder and name that in GANGLION_DATA. Every person is on one side of the split only.
"""

from __future__ import annotations

import io
import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ganglion.core.errors import NotFound

CLASSES = ("SEATED", "STANDING_UP", "WALKING", "TURNING", "SITTING_DOWN")
FILE = "har-phone-watch.tar.xz"
EVERY, STEPS = 8, 12  # of about 100 readings a second one in 8 is kept; a sample is 12 of those, a second
PEOPLE = {"train": range(1, 13), "calibration": range(13, 17), "test": range(17, 20)}
WEARERS = {"phone-1": 20, "phone-2": 21, "phone-3": 22, "phone-4": 23}  # device -> person
EXECUTIONS = 3  # of each person that are public; of a wearer all are streamed


def archive() -> Path:
    """Where the data lies."""
    folder = Path(os.environ.get("GANGLION_DATA", "."))
    for path in (folder / FILE, folder / "har-phone-watch" / FILE):
        if path.is_file():
            return path
    raise NotFound(f"no {FILE} in {folder}: this example learns from it; set GANGLION_DATA to the folder that has it")


@cache
def recordings() -> dict[str, tuple[Any, Any]]:
    """Readings [n, 6] and classes [n] of every recording of a phone, by name such as "s01_01"."""
    found = {}
    with tarfile.open(archive(), "r:xz") as tar:
        for member in tar:
            if not member.name.endswith("_sp.csv"):
                continue
            held = tar.extractfile(member)
            assert held is not None  # the archive holds plain files only
            lines = held.read().decode().splitlines()[1:][::EVERY]
            x = np.loadtxt(io.StringIO("\n".join(lines)), delimiter=",", usecols=range(6), dtype=np.float32)
            y = np.array([CLASSES.index(line.rpartition(",")[2]) for line in lines])
            found[Path(member.name).name[:6]] = (x / np.float32(10.0), y)
    return found


def windows(person: int, executions: int) -> tuple[Any, Any]:
    """Samples [n, STEPS, 6] of one person, half overlapping; a window's class is that of its middle."""
    xs, ys = [], []
    for execution in range(1, executions + 1):
        x, y = recordings()[f"s{person:02d}_{execution:02d}"]
        for start in range(0, len(x) - STEPS, STEPS // 2):
            xs.append(x[start : start + STEPS])
            ys.append(y[start + STEPS // 2])
    return np.stack(xs), np.array(ys)


def examples(part: str) -> tuple[Any, Any]:
    """Public samples of the people of a part."""
    each = [windows(person, EXECUTIONS) for person in PEOPLE[part]]
    return np.concatenate([x for x, _ in each]), np.concatenate([y for _, y in each])


def stream(node: str) -> tuple[Any, Any, list[str]]:
    """What one wearer's phone reads; most of it stays on the phone."""
    x, y = windows(WEARERS[node], 6)
    tiers = np.random.default_rng(WEARERS[node]).choice(("public", "edge", "user"), len(x), p=(0.2, 0.3, 0.5))
    return x, y, [str(tier) for tier in tiers]


def score(y: Any, predicted: Any) -> float:
    """Mean recall over the classes, for people sit and walk far more often than they stand up."""
    return float(np.mean([(predicted[y == label] == label).mean() for label in np.unique(y)]))
