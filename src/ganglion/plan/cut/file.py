"""A plan as a file that people can read; one made for other weights or other measurements is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...core.cut import Cut
from ...core.errors import ConfigError
from ...core.model import Model
from ...core.profile import Profile
from ...core.ref import digest_of
from .planned_way import PlannedWay

FORMAT = 2  # raised when a field changes its meaning
Crossing = tuple[str, tuple[str, ...], str]  # link, the tensors that cross it, how they are written


@dataclass(frozen=True)
class PlanFile:
    """Who computes which kernel, what crosses which link, and why."""

    model: str  # digest of the weights
    profile: str  # digest of the measurements that it was made from
    hosts: tuple[str, ...]  # from the input outwards
    kernels: tuple[tuple[str, str], ...]  # kernel, host
    crossings: tuple[Crossing, ...]
    thresholds: tuple[float, ...]  # of each exit; 2 = never
    expected: tuple[tuple[str, float], ...]  # figure, value
    why: str
    round_trip_s: float = 0.0  # of the first link, besides the tensor's bytes
    ways: tuple[PlannedWay, ...] = ()  # for other rates and loads; none: the plan stays as it is

    @classmethod
    def of(
        cls, cut: Cut, model: Model, hosts: Sequence[str], wires: Sequence[tuple[str, str]], profile: str, why: str = ""
    ) -> PlanFile:
        """From a cut over hosts in a row and the name and wire of each link; thresholds are never, figures none."""
        cut.check(model)
        names = tuple((kernel.name, hosts[at]) for kernel, at in zip(model.kernels, cut.places, strict=True))
        sent = tuple((link, cut.crossing(model, at), wire) for at, (link, wire) in enumerate(wires))
        return cls(model.weights, profile, tuple(hosts), names, sent, (2.0,) * len(model.exits), (), why)

    def cut(self, model: Model) -> Cut:
        """The cut. Raises ConfigError if the kernels are not this model's."""
        if tuple(name for name, _ in self.kernels) != tuple(kernel.name for kernel in model.kernels):
            raise ConfigError("the plan names other kernels than the model has; plan again")
        cut = Cut(tuple(self.hosts.index(host) for _, host in self.kernels), self.model)
        cut.check(model)
        for way in self.ways:
            Cut(way.at, self.model).check(model)
        return cut

    def text(self) -> str:
        """JSON, one kernel to a line."""
        held: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        held |= {"kernels": dict(self.kernels), "expected": dict(self.expected)}
        held["crossings"] = [{"link": link, "tensors": list(sent), "wire": wire} for link, sent, wire in self.crossings]
        return json.dumps(held, indent=1, allow_nan=False) + "\n"

    @classmethod
    def read(cls, text: str, model: str, profile: str) -> PlanFile:
        """The plan in a text. Raises ConfigError if it is none, or made for other weights or another profile."""
        try:
            held = json.loads(text)
            if held["format"] != FORMAT:
                raise ConfigError(f"a plan of format {held['format']}; this ganglion reads {FORMAT}: plan again")
            found = _plan(held)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"this is no plan: {error!r}; write one with `PlanFile.text`") from error
        for what, has, needs in (("model", found.model, model), ("profile", found.profile, profile)):
            if has != needs:
                raise ConfigError(f"the plan was made for {what} {has[:12]}, but there is {needs[:12]}; plan again")
        if not {host for _, host in found.kernels} <= set(found.hosts) or any(
            not set(way.at) <= set(range(len(found.hosts))) for way in found.ways
        ):
            raise ConfigError(f"the plan names hosts beside its own {list(found.hosts)}; plan again")
        return found


def profile_digest(profiles: Sequence[Profile]) -> str:
    """What a plan remembers of the measurements it was made from."""
    return digest_of(json.dumps([asdict(one) for one in profiles], sort_keys=True).encode())


def _plan(held: Mapping[str, Any]) -> PlanFile:
    if set(held) != {"format", *(one.name for one in fields(PlanFile))}:
        raise KeyError(f"fields {sorted(held)}")
    return PlanFile(
        _text(held["model"]),
        _text(held["profile"]),
        tuple(_text(one) for one in held["hosts"]),
        tuple((name, _text(host)) for name, host in held["kernels"].items()),
        tuple((_text(o["link"]), tuple(_text(t) for t in o["tensors"]), _text(o["wire"])) for o in held["crossings"]),
        tuple(float(one) for one in held["thresholds"]),
        tuple((name, float(value)) for name, value in held["expected"].items()),
        _text(held["why"]),
        float(held["round_trip_s"]),
        tuple(PlannedWay.of(one) for one in held["ways"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text belongs")
    return value
