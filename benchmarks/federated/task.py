"""What every peer is given and gives back: a task as JSON in, its times and accuracy as JSON out."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

MODELS = Path(__file__).with_name("models.py")


@cache
def arrays(path: str) -> dict[str, np.ndarray]:
    """The data, read once in each process; it never travels between them."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


class Task:
    """One job: its shape, its data, and the times of its rounds."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = json.loads(sys.argv[1])
        self.ends: list[float] = []

    def __getattr__(self, name: str) -> Any:
        if name in ("x", "y", "test_x", "test_y"):
            return arrays(self.said["data"])[name]
        if name.startswith("_") or name not in self.__dict__.get("said", {}):
            raise AttributeError(name)
        return self.said[name]

    def build(self) -> Any:
        """A fresh model."""
        spec = importlib.util.spec_from_file_location("fl_models", MODELS)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.build(self.said["model"])

    def rows(self, client: int) -> slice:
        """A client's examples."""
        return slice(client * self.examples, (client + 1) * self.examples)

    def lap(self) -> None:
        """A round is over."""
        self.ends.append(time.time())

    def accuracy(self, model: Any) -> float:
        """On the test."""
        import torch

        model.eval()
        with torch.no_grad():
            said = model(torch.from_numpy(self.test_x)).argmax(-1).numpy()
        return float((said == self.test_y).mean())

    def report(self, accuracy: float) -> None:
        """The one line that the bench reads."""
        rounds = [later - one for one, later in zip(self.ends, self.ends[1:], strict=False)]
        found = {"first_s": self.ends[0] - self.said["began"], "rounds_s": rounds, "accuracy": accuracy}
        sys.stdout.write("\nRESULT " + json.dumps(found) + "\n")
        sys.stdout.flush()
