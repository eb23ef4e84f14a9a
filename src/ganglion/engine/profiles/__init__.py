"""Machines that are not here: classes of node with declared speeds and powers, and where their figures come from."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from ...core.errors import ConfigError, NotFound
from ...core.table import closest
from ...core.timing import Anchor, Rates, Timing, Watts

FORMAT = 1


def classes() -> list[str]:
    """The names of the classes that come with the package."""
    return sorted(Path(one.name).stem for one in files(__name__).iterdir() if one.name.endswith(".json"))


def node_class(name: str) -> Timing:
    """One of them. Raises NotFound for a name that is none."""
    if name not in classes():
        raise NotFound(f"no class of node {name!r}: there are {', '.join(classes())}; {closest(name, classes())}")
    return timing_of_text(files(__name__).joinpath(f"{name}.json").read_text("utf-8"), name)


def timing_to_text(timing: Timing) -> str:
    """As JSON that people can read."""
    return json.dumps({"format": FORMAT, **asdict(timing)}, indent=1) + "\n"


def timing_of_text(text: str, what: str) -> Timing:
    """Reads what `timing_to_text` wrote; `what` names it in errors. Raises ConfigError for anything else."""
    try:
        held = json.loads(text)
        if held.pop("format") != FORMAT:
            raise ConfigError(f"{what} has another format than {FORMAT}; measure again with `ganglion profile`")
        rates, watts = Rates(**held.pop("rates")), Watts(**held.pop("watts"))
        anchors = tuple(Anchor(**one) for one in held.pop("anchors"))
        made = Timing(rates=rates, watts=watts, anchors=anchors, **held)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{what} is no profile: {error!r}; measure again with `ganglion profile`") from error
    numbers = (rates.flops_s, rates.bytes_s, *(one.cpu_s for one in anchors))
    if not all(isinstance(one, (int, float)) and one > 0 for one in numbers):
        raise ConfigError(f"{what} holds a speed or time that is not above 0; measure again with `ganglion profile`")
    return made
