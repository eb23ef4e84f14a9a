"""Edge-cloud collaborative AI in one package. This is the public face: every name loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the table below once more, for type checkers, which cannot follow it; a test holds both equal
    from .core.cut import Cut as Cut
    from .core.fleet import Fleet as Fleet
    from .core.fleet import Link as Link
    from .core.fleet import Node as Node
    from .core.label import Form as Form
    from .core.label import Label as Label
    from .core.label import Tier as Tier
    from .core.label import Zone as Zone
    from .core.model import Model as Model
    from .core.plan import Goal as Goal
    from .core.plan import Plan as Plan
    from .core.plan import Stage as Stage
    from .core.profile import Profile as Profile
    from .core.ref import Ref as Ref
    from .core.release import Release as Release
    from .core.sample import Answer as Answer
    from .core.sample import Examples as Examples
    from .core.sample import Sample as Sample
    from .core.tensors import Tensors as Tensors
    from .core.update import Update as Update
    from .engine.capture import capture as capture
    from .engine.torch.branch import attach as attach
    from .learn.compress.compress import Compress as Compress
    from .learn.strategy import Strategy as Strategy
    from .plan.cut.file import PlanFile as PlanFile
    from .plan.cut.places import Places as Places
    from .plan.cut.split import Limits as Limits

__version__ = "0.1.0"

FACE = {  # public name -> the module that defines it
    "Answer": "core.sample",
    "Compress": "learn.compress.compress",
    "Cut": "core.cut",
    "Examples": "core.sample",
    "Fleet": "core.fleet",
    "Form": "core.label",
    "Goal": "core.plan",
    "Label": "core.label",
    "Limits": "plan.cut.split",
    "Link": "core.fleet",
    "Model": "core.model",
    "Node": "core.fleet",
    "Places": "plan.cut.places",
    "Plan": "core.plan",
    "PlanFile": "plan.cut.file",
    "Profile": "core.profile",
    "Ref": "core.ref",
    "Release": "core.release",
    "Sample": "core.sample",
    "Stage": "core.plan",
    "Strategy": "learn.strategy",
    "Tensors": "core.tensors",
    "Tier": "core.label",
    "Update": "core.update",
    "Zone": "core.label",
    "attach": "engine.torch.branch",
    "capture": "engine.capture",
}

__all__ = sorted(FACE)


def __getattr__(name: str) -> object:
    """Imports the module behind a public name, once (PEP 562). Raises AttributeError for any other name."""
    if name not in FACE:
        raise AttributeError(f"ganglion has no {name!r}; its public names are {', '.join(sorted(FACE))}")
    value: object = getattr(import_module(f"{__name__}.{FACE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *FACE})
