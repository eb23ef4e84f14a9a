"""An engine that remembers: the same question about the same bytes is computed once, then read from a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.blob import arrays_of_bytes, arrays_to_bytes, tensors_of_bytes, tensors_to_bytes
from ..core.codec import Codec
from ..core.compute import Compute, Export, Exported, Fit, Fitted
from ..core.ports import Engine
from ..core.tensors import Tensors

FORMAT = "1"  # raised when an answer's meaning changes


class Cached:
    """Answers Fit and Export from a folder where it can; everything else goes through.

    `about` names what else an answer depends on: the project, the runtime's version.
    """

    def __init__(self, engine: Engine, folder: Path, about: str) -> None:
        self.answers = engine.answers
        self._engine = engine
        self._folder = folder
        self._about = about
        self._codec = Codec([Exported])

    def answer(self, asked: Compute[Any]) -> Any:
        """The answer, computed or remembered."""
        match asked:
            case Fit():
                return self._through(asked, _fitted_to_bytes, _fitted_of_bytes)
            case Export():
                return self._through(asked, self._codec.encode, self._codec.decode)
        return self._engine.answer(asked)

    def _through(self, asked: Any, save: Callable[[Any], bytes], load: Callable[[bytes], Any]) -> Any:
        path = self._folder / hashlib.sha256("\n".join((FORMAT, self._about, mark(asked))).encode()).hexdigest()
        if path.exists():
            return load(path.read_bytes())
        made = self._engine.answer(asked)
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(save(made))
        partial.rename(path)  # whoever reads it meanwhile sees all of it or nothing
        return made


def mark(value: Any) -> str:
    """A text that is the same for the same request: tensors by digest, the rest field by field."""
    if isinstance(value, Tensors):
        return value.digest()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = (f"{field.name}={mark(getattr(value, field.name))}" for field in dataclasses.fields(value))
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, tuple):
        return f"({','.join(mark(one) for one in value)})"
    return repr(value)


def _fitted_to_bytes(made: Fitted) -> bytes:
    how = np.array([float(made.steps), made.loss])
    weights = np.frombuffer(tensors_to_bytes(made.weights), np.uint8)
    return arrays_to_bytes({"how": how, "weights": weights})


def _fitted_of_bytes(raw: bytes) -> Fitted:
    arrays = arrays_of_bytes(raw)
    steps, loss = (float(one) for one in arrays["how"])
    return Fitted(tensors_of_bytes(arrays["weights"].tobytes()), int(steps), loss)
