"""What a bench measured, kept with its circumstances, and the page made of all of it."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, GanglionError, NotFound
from ..project import code_digest
from .screen import cell

MEASURED_WITH = ("numpy", "onnxruntime", "torch", "picows", "aiohttp", "uvloop", "cryptography", "grpcio")


def keep(name: str, seed: int, measured: Mapping[str, Any], out: Path) -> Path:
    """Writes a result with the versions, the machine and the digest of the code; says where."""
    file = out / "results" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {"name": name, "seed": seed, "measured": measured}
    kept |= {"versions": versions(), "machine": machine(), "code": code_digest(Path(__file__).parents[1])}
    file.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    return file


def rows_of(measured: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What a bench measured, row by row. Raises GanglionError where it has none."""
    rows = measured.get("rows")
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise GanglionError(f"bench {name} gave no rows: {str(measured)[:80]}; its run must return {{'rows': [{{…}}]}}")
    return list(rows)


def heads_of(rows: list[Mapping[str, Any]]) -> list[str]:
    """Every column that any row has, in the order of first sight."""
    return list(dict.fromkeys(key for row in rows for key in row))


def versions() -> dict[str, str]:
    """Of Python and of the packages that timings depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in ("ganglion", *MEASURED_WITH):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What kind of machine, but not which."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    cpu = model.group(1).strip() if model else platform.machine()
    return {"cpu": cpu, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}"}


def write_page(out: Path) -> Path:
    """The page of all results. Raises NotFound where there is none, ConfigError for a file that is no result."""
    found = sorted((out / "results").glob("*.json"))
    if not found:
        raise NotFound(f"no results in {out / 'results'}: the page is made from them; run `ganglion bench NAME` first")
    parts = ["# Measured\n\nMade by `ganglion bench table` from `results/`, which `ganglion bench NAME` writes.\n"]
    parts += [section(path) for path in found]
    page = out / "README.md"
    page.write_text("\n".join(parts), "utf-8")
    return page


def section(path: Path) -> str:
    """One result as Markdown."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        rows, on = rows_of(kept["measured"], kept["name"]), kept["machine"]
        where = f"{on['cores']} cores of {on['cpu']}"
        made = f"Seed {kept['seed']}, {where}, code {kept['code'][:12]}, {_listed(kept['versions'])}."
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no result of a bench: {error!r}; delete it or measure again") from error
    heads = heads_of(rows)
    lines = [f"## {kept['name']}", "", made, "", "| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell(row.get(head)) for head in heads) + " |" for row in rows]
    return "\n".join([*lines, ""])


def _listed(named: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(named.items()))
