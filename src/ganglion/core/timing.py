"""How long each kernel of a model takes on a kind of machine: measured at a few cuts, shared out by work between."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError
from .model import Model


@dataclass(frozen=True)
class Rates:
    """What a kernel's time is made of: seconds = flops / flops_s + bytes / bytes_s + call_s."""

    flops_s: float = 2e10
    bytes_s: float = 5e9  # of tensors read and written and of weights read
    call_s: float = 2e-6

    def seconds(self, model: Model) -> tuple[float, ...]:
        """Of each kernel by this rule alone; free kernels take none."""
        sizes = dict(zip(model.inputs, model.input_bytes, strict=False))
        found = []
        for kernel in model.kernels:
            moved = kernel.out_bytes + kernel.param_bytes + sum(sizes.get(name, 0) for name in kernel.inputs)
            sizes[kernel.name] = kernel.out_bytes
            found.append(0.0 if kernel.free else kernel.flops / self.flops_s + moved / self.bytes_s + self.call_s)
        return tuple(found)


@dataclass(frozen=True)
class Watts:
    """Power by state, and energy per byte on the link; every joule computed from it carries `source`."""

    idle_w: float = 0.0
    busy_w: float = 0.0  # above idle, with one core computing
    link_w: float = 0.0  # above idle, while sending or receiving
    j_byte: float = 0.0
    source: str = "declared"  # or "rapl": measured, the whole machine

    def joules(self, busy_s: float, link_s: float = 0.0, moved_bytes: float = 0.0) -> float:
        """Above idle."""
        return self.busy_w * busy_s + self.link_w * link_s + self.j_byte * moved_bytes


@dataclass(frozen=True)
class Anchor:
    """What the first so many kernels of a model take together, batch of the example."""

    kernels: int
    cpu_s: float  # of the thread that computes; the median
    wall_s: float


@dataclass(frozen=True)
class Timing:
    """One machine, or a class of them. With `anchors` it is of one model, without it is a rule for any."""

    node: str
    source: str  # "measured", or "declared: …" with where the figures come from
    rates: Rates = Rates()
    watts: Watts = Watts()
    model: str = ""  # digest of what was measured
    runtime: str = ""  # such as "onnxruntime 1.31.1"
    threads: int = 1
    cpu: str = ""
    anchors: tuple[Anchor, ...] = ()  # ascending; the last one is the whole model
    memory_bytes: int | None = None

    def check(self, model: str, runtime: str, threads: int, cpu: str) -> None:
        """Raises ConfigError where it was measured for something else than this; a class fits everywhere."""
        if not self.anchors:
            return
        mine = {"model": self.model, "runtime": self.runtime, "threads": str(self.threads), "cpu": self.cpu}
        here = {"model": model, "runtime": runtime, "threads": str(threads), "cpu": cpu}
        for what, measured in mine.items():
            if measured != here[what]:
                had, has = (text[:12] if what == "model" else text for text in (measured, here[what]))
                raise ConfigError(
                    f"the profile of {self.node} was measured with {what} {had!r}, here it is {has!r}: times do not "
                    "carry over; measure there with `ganglion profile`"
                )

    def kernel_s(self, model: Model) -> tuple[float, ...]:
        """CPU seconds of each kernel. Between two anchors they share what was measured as their rates say.

        Raises ConfigError for another model than was measured.
        """
        work = self.rates.seconds(model)
        if not self.anchors:
            return work
        if self.model != model.weights or self.anchors[-1].kernels != len(model.kernels):
            had, has = self.model[:12], model.weights[:12]
            raise ConfigError(
                f"the profile of {self.node} is of model {had}, not {has}; measure it: `ganglion profile`"
            )
        found: list[float] = []
        done, done_s = 0, 0.0
        for anchor in self.anchors:
            here = work[done : anchor.kernels]
            took_s = max(anchor.cpu_s - done_s, 0.0)  # of two measurements the later may be less, by noise
            total = sum(here)
            found += [took_s * one / total if total else 0.0 for one in here]
            done, done_s = anchor.kernels, max(anchor.cpu_s, done_s)
        return tuple(found)
