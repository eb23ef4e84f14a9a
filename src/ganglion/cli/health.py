"""What this machine has for ganglion: what must be there, and what would be good to have."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from .folder import STATE

NEEDED = ("numpy", "onnxruntime", "msgspec", "cryptography", "safetensors", "aiohttp", "picows", "tuf")
EXTRAS = {"train": ("torch", "onnx", "onnxscript", "sklearn", "PIL"), "bench": ("grpc",)}
PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow", "grpc": "grpcio"}  # module -> distribution
FREE_BYTES = 1 << 30
DUE_DAYS = 60  # before the end of what is replaced by hand
ISSUER_DUE = "`ganglion cloud rotate --step issuer --offline /media/keys`, then `--step finish`"
ROOT_DUE = "`ganglion cloud root-key 1 --offline /media/keys`"

Check = tuple[str, bool, str]  # what, whether it is well, and what was found or what to do


def needs(folder: Path) -> list[Check]:
    """What nothing works without; a project's folder has certificates to look at."""
    version = ".".join(map(str, sys.version_info[:3]))
    python = ("python", sys.version_info >= (3, 11), version)
    installed = [(name, bool(find_spec(name)), version_of(name) or f"pip install {name}") for name in NEEDED]
    return [python, *installed, _runtime(), _space(folder), *_certificates(folder)]


def wishes() -> list[Check]:
    """What some commands need, or go faster with."""
    checks: list[Check] = []
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if not find_spec(name)]
        there = ", ".join(f"{PACKAGES.get(name, name)} {version_of(name)}" for name in modules if name not in missing)
        remedy = f"without {', '.join(missing)}: pip install 'ganglion[{extra}]'"
        checks.append((f"extra {extra}", not missing, remedy if missing else there))
    fast = bool(find_spec("uvloop"))
    checks.append(("uvloop", fast, version_of("uvloop") if fast else "the wire is slower without: pip install uvloop"))
    return checks


def version_of(module: str) -> str:
    """The installed version of what brings a module; "" where it is not installed."""
    try:
        return metadata.version(PACKAGES.get(module, module))
    except metadata.PackageNotFoundError:
        return ""


def _runtime() -> Check:
    try:
        from ..engine.onnx import OnnxRunner
    except ImportError as error:
        return "runtime", False, f"{error}: pip install onnxruntime"
    return "runtime", True, OnnxRunner.name


def _space(folder: Path) -> Check:
    place = folder if folder.is_dir() else Path.cwd()
    free, writable = shutil.disk_usage(place).free, os.access(place, os.W_OK)
    text = f"{free / 1e9:.1f} GB free in {place.resolve()}" + ("" if writable else ", which is not writable")
    return "disk", free >= FREE_BYTES and writable, text


def _certificates(folder: Path) -> list[Check]:
    homes = sorted(path.parent for path in (folder / STATE).glob("*/node.pem"))
    if not homes:
        return []
    from ..live.identity.node import Identity

    checks: list[Check] = []
    for home in homes:
        left_days = (Identity.load(home).certificate.not_valid_after_utc - datetime.now(UTC)).days
        text = f"{left_days} days left" if left_days >= 0 else "expired: join again"
        checks.append((f"certificate {home.name}", left_days >= 0, text))
        checks += _authority(home)
    return checks


def _authority(home: Path) -> list[Check]:
    """What a cloud's owner has to replace once a year, by hand, with keys that are kept elsewhere."""
    from ..live.identity.files import CA_KEY, METADATA_ROOT

    if not (home / CA_KEY).exists():
        return []
    from ..live.identity.authority import Authority

    ends = {"issuing authority": (Authority.load(home).issuers[0].not_valid_after_utc, ISSUER_DUE)}
    if (home / METADATA_ROOT).exists():
        from ..live.identity.metadata import root_ends

        ends["root of releases"] = (root_ends(home), ROOT_DUE)
    checks: list[Check] = []
    for what, (end, remedy) in ends.items():
        left_days = (end - datetime.now(UTC)).days
        due = "" if left_days > DUE_DAYS else f": {remedy}"
        checks.append((what, left_days >= 0, f"{left_days} days left{due}"))
    return checks
