"""A job between two rounds as two files: tensors, and a JSON that names them; both or neither are believed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.blob import arrays_of_bytes, arrays_to_bytes
from ..core.errors import ConfigError, Corrupt
from ..core.ref import digest_of
from ..core.tensors import Tensors
from ..learn import Server
from .clients import Shared

FILE = "job.json"
FORMAT = 1


def save(folder: Path, about: str, server: Server, shared: Shared, told: Sequence[Mapping[str, Any]]) -> None:
    """Writes where a job stands. `about` says which job it is; `told` is what its rounds said."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = np.flatnonzero(shared.has)
    arrays: dict[str, Any] = {"weights": server.weights.flat, "clients": asked}
    arrays |= {f"common/{name}": one.flat for name, one in server.common.items()}
    arrays |= {f"state/{at}": one.flat for at, one in enumerate(_listed(server.state))}
    arrays |= {f"kept/{name}": rows[asked] for name, rows in shared.kept.items()}
    raw = arrays_to_bytes(arrays)
    name = f"tensors-{server.number:06d}.safetensors"
    write(folder / name, raw)
    form = "none" if server.state is None else "one" if isinstance(server.state, Tensors) else "several"
    kept = {"format": FORMAT, "about": about, "number": server.number, "state": form}
    kept |= {"tensors": name, "digest": digest_of(raw), "rounds": list(told)}
    write(folder / FILE, json.dumps(kept, indent=1).encode())
    for old in folder.glob("tensors-*.safetensors"):
        if old.name != name:
            old.unlink()


def load(folder: Path, about: str, like: Tensors, shared: Shared) -> tuple[Server, list[dict[str, Any]]] | None:
    """Where a job stood, or None where it never began. What clients keep goes into the pages.

    Raises ConfigError for another job's folder, Corrupt for files that do not belong together.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text("utf-8"))
        if kept["format"] != FORMAT or kept["about"] != about:
            raise ConfigError(f"{file} is of another job, data or seed than this one; name another folder")
        raw = (folder / kept["tensors"]).read_bytes()
        if digest_of(raw) != kept["digest"]:
            raise Corrupt(f"{folder / kept['tensors']} is not what {file} names; delete the folder and begin again")
        arrays = arrays_of_bytes(raw)
        names = sorted(name for name in arrays if name.startswith("state/"))
        states = [like.with_flat(_single(arrays[name])) for name in names]
        common = {n.removeprefix("common/"): like.with_flat(_single(a)) for n, a in arrays.items() if "common/" in n}
        state: Any = {"none": None, "one": states[0] if states else None}.get(kept["state"], tuple(states))
        asked = arrays["clients"]
        for name, rows in shared.kept.items():
            rows[asked] = arrays[f"kept/{name}"]
        shared.has[asked] = bool(shared.kept)
        return Server(like.with_flat(_single(arrays["weights"])), kept["number"], state, common), kept["rounds"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{file} cannot be resumed from: {error!r}; delete the folder and begin again") from error


def _single(array: Any) -> Any:
    return np.asarray(array, np.float32)


def _listed(state: Any) -> list[Tensors]:
    return [] if state is None else [state] if isinstance(state, Tensors) else list(state)


def write(path: Path, raw: bytes) -> None:
    """All of a file or nothing of it, whoever reads meanwhile."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(raw)
    partial.replace(path)
