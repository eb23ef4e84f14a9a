"""Our side of the speed bench in a process of its own, as each peer has one: a task as JSON in, times as JSON out."""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.label import Tier
from ..core.sample import Examples
from ..learn import METHODS
from ..learn.select import Uniform
from ..train import Federation, Result, Stop
from .fl_models import model

RESULT = "RESULT "


def play(task: dict[str, Any], ends: list[float]) -> Result:
    """The task's rounds; notes when each is over."""
    data = np.load(Path(task["data"]), allow_pickle=False)
    train = Examples(data["x"], data["y"], Tier.PUBLIC)
    test = Examples(data["test_x"], data["test_y"], Tier.PUBLIC)
    parts = np.split(np.arange(task["clients"] * task["examples"]), task["clients"])
    strategy = METHODS["fedavg"](Sgd(task["rate"], 1, task["batch"]), Uniform(task["cohort"]))

    made = model(task["model"])
    federation = Federation(made, train, parts, strategy, test, seed=task["seed"], workers=task.get("workers", 2))
    return federation.run(Stop(task["rounds"], every=task["rounds"]), tell=lambda played: ends.append(time.time()))


def main() -> None:
    """One task, whose times are written as one line."""
    task = json.loads(sys.argv[1])
    ends: list[float] = []
    result = play(task, ends)
    rounds = [later - one for one, later in itertools.pairwise(ends)]
    found = {"first_s": ends[0] - task["began"], "rounds_s": rounds[:-1], "accuracy": result.rounds[-1].accuracy}
    sys.stdout.write(f"\n{RESULT}{json.dumps(found)}\n")  # the last round is judged too, which peers do apart


if __name__ == "__main__":
    main()
