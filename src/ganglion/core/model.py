"""A model as the planner sees it: a DAG of kernels, its exits, and its weights' digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """One node of the graph and the tensor it makes."""

    name: str
    op: str
    inputs: tuple[str, ...]  # names of kernels, or of the model's inputs
    out_bytes: int  # of its tensor, batch of one, float32
    param_bytes: int
    flops: int
    free: bool = False  # cheap and without parameters: computed again where its tensor is wanted, never sent
    out_shape: tuple[int, ...] = ()  # of its tensor, with the example's batch; () where nobody asked


@dataclass(frozen=True)
class Model:
    """A DAG of kernels in topological order. Exit i ends segment i; segments are cut at `boundaries`.

    Boundary 0 is the input, boundary i the one tensor that all later kernels need from segments before i.
    """

    kernels: tuple[Kernel, ...]
    input_shape: tuple[int, ...]  # without the batch
    classes: int
    exits: tuple[str, ...]  # kernel whose tensor holds the logits, nearest to the input first
    boundaries: tuple[str, ...]  # "input", then one kernel per further segment
    weights: str  # digest
    inputs: tuple[str, ...] = ("input",)
    input_bytes: tuple[int, ...] = ()  # of each input, for the example's batch; () = one float32 input of input_shape
    outputs: tuple[str, ...] = ()  # kernels whose tensors are the model's results; () = the exits

    def stages(self) -> Iterator[tuple[int, int]]:
        """Every run of segments [first, last) that one node could be given."""
        for first in range(len(self.exits)):
            for last in range(first + 1, len(self.exits) + 1):
                yield first, last
