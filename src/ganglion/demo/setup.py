"""From the demo's options to a set-up: data split over the sites, sensors, declared figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..core.blob import arrays_to_bytes
from ..core.errors import ConfigError
from ..core.label import Tier
from ..core.plan import Goal
from ..core.profile import Profile, StageTime
from ..core.rng import stream
from ..core.sample import Examples
from ..node.tools import Policy
from ..project import Source
from ..protect import Consent, Noise
from ..run import Setup
from .fleet import DEVICES, DRIFTED, demo_fleet
from .options import DemoOptions
from .project.data import Split, split
from .project.drift import drift
from .write import project_files

MIX = ((Tier.PUBLIC, 0.6), (Tier.EDGE, 0.3), (Tier.USER, 0.1))  # declared tiers of what devices see
RISK, AIM = 0.02, 0.0  # accuracy a plan may lose on the calibration set, and should; on fresh samples it is more
NOISE = 16  # levels of a sensor's noise, of 256
READINGS = 3000  # per device and source before a sensor begins again; each with a noise of its own
STAGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
TIMES_US = {  # digits by a live run, one stage at a time; the others with all stages in turn, so with colder caches
    "digits": (6.5, 10.0, 14.0, 9.5, 13.0, 10.0),
    "mnist": (80.0, 120.0, 160.0, 61.0, 97.0, 55.0),
    "cifar10": (120.0, 190.0, 240.0, 96.0, 150.0, 77.0),
}
LABEL_SHARE = 0.5  # of a site's samples that its on-site source labels


@dataclass(frozen=True)
class DemoSetup:
    """A set-up, and the split that only whoever watches may see whole."""

    setup: Setup
    split: Split


def demo_setup(options: DemoOptions, folder: Path) -> DemoSetup:
    """Everything the demo's world is made of, the same for both worlds; its project is written to `folder`."""
    parts = split(options.data, options.data_dir, options.seed)
    chance = stream(options.seed, "demo data")
    count = options.samples // 4
    sources: dict[str, dict[str, Source]] = {}
    for site, devices in DEVICES.items():
        mine = parts.site_a if site == DRIFTED else parts.site_b
        for place, device in enumerate(devices):
            share = mine.take(np.arange(place, len(mine), len(devices)))
            sources[device] = _sources(share, options.drift, count, chance)
    write_project(folder, options.data, parts, chance)
    setup = Setup(
        fleet=demo_fleet(options.data, options.trace),
        policy=Policy(goal=Goal(risk=RISK, aim=AIM), mix=MIX, label_delay_s=2.0, mechanism=_mechanism(options)),
        spec=str(folder),
        sources=sources,
        label_share=LABEL_SHARE,
        profiles=shipped_profiles(options.data),
    )
    return DemoSetup(setup, parts)


def _sources(share: Examples, kind: str, count: int, chance: Generator) -> dict[str, Source]:
    """The same images as a sensor would show them: public only, of all tiers, and both after the change."""
    drifted = Examples(drift(share.x, kind), share.y, share.tier)
    public, mixed = np.zeros(count, np.int64), chance.choice([int(t) for t, _ in MIX], READINGS, p=[s for _, s in MIX])
    return {
        "public": _readings(share, public, chance),
        "public-drifted": _readings(drifted, public, chance),
        "mixed": _readings(share, mixed, chance),
        "mixed-drifted": _readings(drifted, mixed, chance),
    }


def _readings(images: Examples, tiers: NDArray[np.int64], chance: Generator) -> Source:
    """Each image once in a random order, then again in another, as often as there are readings."""
    turns = -(-len(tiers) // len(images))
    rows = np.concatenate([chance.permutation(len(images)) for _ in range(turns)])[: len(tiers)]
    return Source(sensed(images.x[rows], chance), images.y[rows], tiers)


def sensed(x: NDArray[np.float32], chance: Generator) -> NDArray[np.uint8]:
    """What a sensor makes of values in [0, 1]: bytes whose low bits are noise of their own.

    The noise is what a search on the wire looks for: no two readings share 16 bytes in a row.
    """
    noise = chance.integers(0, NOISE, size=x.shape)
    return np.asarray(np.rint(x * (255 - NOISE)) + noise, np.uint8)


def write_project(folder: Path, data: str, parts: Split, chance: Generator) -> None:
    """The demo's project as any user's: model.py, data.py, job.toml, and the cloud's public examples beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, part in (("train", parts.train), ("calibration", parts.calibration), ("test", parts.test)):
        arrays[f"{name}_x"], arrays[f"{name}_y"] = sensed(part.x, chance), part.y
    (folder / "examples.safetensors").write_bytes(arrays_to_bytes(arrays))
    for name, text in project_files(data).items():
        (folder / name).write_text(text)


def _mechanism(options: DemoOptions) -> Consent | Noise | None:
    match options.declassify:
        case "consent":
            return Consent("owner of the site", "improve the shared model")
        case "noise":
            return Noise(clip=1.0, multiplier=0.05)
        case "none":
            return None
    raise ConfigError(f"declassify {options.declassify!r} is unknown; choose consent, noise or none")


def shipped_profiles(data: str = "digits") -> dict[int, Profile]:
    """Stage times of the demo's models, for the simulator: medians on one thread."""
    stages = tuple(StageTime(*stage, us * 1e-6, 1.5e-6 * us) for stage, us in zip(STAGES, TIMES_US[data], strict=True))
    source = "shipped: x86-64 server core, measured by this demo"
    return {zone: Profile("", "shipped", "onnxruntime", 1, "x86-64", source, stages) for zone in range(3)}
