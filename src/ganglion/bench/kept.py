"""Parts of a long bench that are measured already: by what was measured, with which code and seed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..core.errors import Corrupt, NotFound
from ..project import code_digest

CACHE = Path.home() / ".cache" / "ganglion-bench"
PACKAGE = Path(__file__).parents[1]


class Kept:
    """One folder per bench, seed and digest of the code; what was begun with other code is not mixed in.

    `reads` are the files and folders, absolute or of this package, whose code decides what is measured; the bench's own
    files count too. Raises NotFound for one that is not there.
    """

    def __init__(self, bench: str, seed: int, reads: tuple[str, ...], folder: Path = CACHE) -> None:
        own = sorted((PACKAGE / "bench").glob(f"{bench}*.py"))
        named = [PACKAGE / name for name in reads]
        if gone := [str(path) for path in named if not path.exists()]:
            raise NotFound(f"the bench {bench} is said to read {', '.join(gone)}, which is not there; mend its READS")
        seen = hashlib.sha256(b"".join(file.read_bytes() for file in (*own, *(f for f in named if f.is_file()))))
        seen.update(code_digest(*(folder for folder in named if folder.is_dir())).encode())
        self.folder = folder / f"{bench}-{seed}-{seen.hexdigest()[:16]}"

    def get(self, key: str) -> dict[str, Any] | None:
        """What was put under that key, if anything was. Raises Corrupt for a damaged file."""
        file = self._file(key)
        try:
            found = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Corrupt(f"{file} is damaged: {error}; delete it, and it is measured again") from error
        return dict(found)

    def put(self, key: str, found: dict[str, Any]) -> None:
        """Keeps it; half a file is never seen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(key)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(found, allow_nan=False), "utf-8")
        partial.rename(file)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key.replace(' ', '').replace('/', '-').replace(',', '-')}.json"
