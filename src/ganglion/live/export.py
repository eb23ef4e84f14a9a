"""A release as plain files: one ONNX graph, the weights it was trained to, what is known of it, and a signature."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec

from ..core.codec import Codec
from ..core.errors import ConfigError
from ..core.ports import Disk
from ..core.release import Release
from .agent_file import STATE
from .equip import WorkerDisk
from .identity.files import CA_CERT
from .identity.model_signature import NAME, signature_of
from .identity.vault import LocalVault
from .models import ModelStore

GRAPH, WEIGHTS, ABOUT, ROOTS = "model.onnx", "weights.safetensors", "release.json", "roots.pem"


def export(folder: Path, which: str, to: Path, codec: Codec) -> Release:
    """Writes a release of the cloud in `folder` to a new folder. Raises NotFound, ConfigError, Corrupt.

    The roots that vouch for the signature lie beside it: whoever checks should have those another way than the files.
    """
    from ..engine.onnx.whole import whole_graph

    disk: Disk = WorkerDisk(folder / STATE, LocalVault(folder))
    store = ModelStore(disk, codec)
    release = store.release_of(which)
    last = max(stage.last for stage in release.graphs)
    whole = next(stage for stage in release.graphs if (stage.first, stage.last) == (0, last))
    files = {
        GRAPH: whole_graph(disk.get(whole.graph), disk.get(release.stored)),
        WEIGHTS: disk.get(release.weights),
        ABOUT: msgspec.json.format(msgspec.json.encode(_about(store, which, release))),
    }
    name = f"{release.name or 'model'}-{release.counter}"
    try:
        to.mkdir(parents=True)
    except FileExistsError:
        raise ConfigError(f"{to} is there already; an export replaces nothing: give another folder") from None
    for file, data in {**files, NAME: signature_of(name, files, folder)}.items():
        (to / file).write_bytes(data)
    roots = to.with_name(f"{to.name}.{ROOTS}")
    roots.write_bytes((folder / CA_CERT).read_bytes())
    return release


def _about(store: ModelStore, which: str, release: Release) -> dict[str, object]:
    lineage = asdict(store.explain(which))
    about = {"input_shape": release.input_shape, "scale": release.scale, "classes": release.classes}
    return {"release": release.counter, "evaluation": dict(release.evaluation), **about, "lineage": lineage}
