"""A network where it can be cut: what crosses at each cut, how long both halves take, and what a planner is told."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.cut import Cut
from ..core.fleet import Link
from ..core.probability import Floats
from ..core.rng import stream
from ..core.timing import Watts
from ..engine.onnx.captured import Captured
from ..engine.onnx.part import OpenPart
from ..engine.onnx.session import open_session
from ..live.stopwatch import measure, time_codec
from ..pack import Codec, Raw, codec, unpack
from ..plan.cut import Chain, Graph, Segments, Wire

WIRES = (Wire(8, "u8"), Wire(32, "raw"))
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Staged:
    """One network. Seconds are of this machine's computing thread."""

    name: str
    made: Captured
    segments: Segments
    chain: Chain  # what a planner is told: the whole and some anchors measured, the rest shared out by work
    halves: Floats  # [2, cuts, turns] before and behind each cut; the last cut leaves nothing behind
    alone: Floats  # [kernels] each one by itself

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Every cut at a single tensor, the input's first and nothing beyond last."""
        return tuple(self.segments.cut((at,)) for at in range(len(self.chain.boundaries) + 1))


def pixels(made: Captured, seed: int) -> dict[str, NDArray[np.uint8]]:
    """A picture as a camera gives it."""
    draws = {name: stream(seed, "pixels", name) for name in made.example}
    return {name: draws[name].integers(0, 256, like.shape).astype(np.uint8) for name, like in made.example.items()}


def as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Pixels as the network takes them; anything else as it is."""
    return array.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 else array


def stage(name: str, made: Captured, seed: int, turns: int) -> Staged:
    """Measures everything there is to know of a network before it is laid anywhere."""
    graph = Graph.of(made.model)
    segments = Segments.of_graph(graph)
    timing = measure(made, "here", Watts(), lambda done, of: None)
    chain = _chain(made, segments, np.array(timing.kernel_s(made.model)), pixels(made, seed))
    cuts = [segments.cut((at,)) for at in range(len(segments.boundaries) + 1)]
    return Staged(name, made, segments, chain, halves(made, cuts, seed, turns), alone(made))


def halves(made: Captured, cuts: Sequence[Cut], seed: int, turns: int) -> Floats:
    """CPU seconds before and behind each cut, [2, cuts, turns]; the whole runs in between and tells the machine's pace.

    A slow spell is taken out by the ratio of the whole's median then to its median throughout.
    """
    given = {name: as_numbers(array) for name, array in pixels(made, seed).items()}
    (part,) = made.cut(made.whole())
    whole = OpenPart(part, made.weights)
    found, paces = np.zeros((2, len(cuts), turns)), np.zeros((len(cuts), turns))
    for number, cut in enumerate(cuts):
        front, back = (OpenPart(part, made.weights) for part in made.cut(cut, 2))
        for turn in range(-1, turns):  # the first warms up
            front_s, outputs = timed(front, given)
            back_s, _ = timed(back, {**given, **outputs})
            whole_s, _ = timed(whole, given)
            if turn >= 0:
                found[:, number, turn], paces[number, turn] = (front_s, back_s), whole_s
    pace = np.median(paces, axis=1) / np.median(paces)
    return np.asarray(found / pace[None, :, None])


def timed(part: OpenPart, given: Arrays) -> tuple[float, dict[str, NDArray[Any]]]:
    """CPU seconds of one run, and what it made."""
    began_s = time.thread_time()
    outputs = part(given)
    return time.thread_time() - began_s, outputs


def alone(made: Captured, turns: int = 3) -> Floats:
    """CPU seconds of each kernel in a session of its own, on noise; the best of some turns. Free ones take none."""
    kernels, found = made.model.kernels, np.zeros(len(made.model.kernels))
    for number, kernel in enumerate(kernels):
        cut = Cut((0,) * number + (1,) + (2,) * (len(kernels) - number - 1), made.model.weights)
        graph = made.cut(cut, 3)[1].graph
        if kernel.free or not graph:
            continue
        session = open_session(graph, made.weights).session
        feeds = {one.name: _noise(one) for one in session.get_inputs()}
        taken = []
        for _ in range(turns + 1):
            began_s = time.thread_time()
            session.run(None, feeds)
            taken.append(time.thread_time() - began_s)
        found[number] = min(taken[1:])
    return found


def _noise(given: Any) -> NDArray[Any]:
    shape = [length if isinstance(length, int) else 1 for length in given.shape]
    return stream(0, "alone").normal(size=shape).astype(TYPES[given.type])


def composed(chain: Chain, seconds: Floats, slow: float, link: Link) -> Floats:
    """Seconds of a request for each wire and cut, [wires, cuts]: halves [2, cuts] on machines, tensors on a link.

    Only a cut's own measurements go in, so it stands beside a plan that was made from anchors.
    """
    write, read = chain.codec_s
    back_s = chain.answer_bytes / link.down_bytes_s + 2 * link.delay_s
    found = np.repeat((slow * seconds[0] + seconds[1])[None], len(chain.wires), axis=0)
    found[:, :-1] += chain.wire_bytes / link.up_bytes_s + back_s + slow * write + read
    return np.asarray(found)


def _chain(made: Captured, segments: Segments, kernel_s: Floats, picture: Arrays) -> Chain:
    shapes = {kernel.name: kernel.out_shape for kernel in made.model.kernels}
    count, wires = len(segments.boundaries), len(WIRES)
    cells = np.zeros((3, wires, count))
    rng = np.random.default_rng(0)
    for at, name in enumerate(segments.boundaries):
        for row, wire in enumerate(WIRES):
            if at:
                arrays: list[NDArray[Any]] = [rng.normal(size=shapes[name]).astype(np.float32)]
            else:
                arrays = [array if wire.codec == "u8" else as_numbers(array) for array in picture.values()]
            cells[:, row, at] = np.sum([_coded(codec(wire.codec), array) for array in arrays], axis=0)
    shares = np.zeros((1, count))
    shares[0, -1] = 1.0
    answer = sum(one.out_bytes for one in made.model.kernels if one.name in made.model.outputs)
    return Chain(
        "as captured", made.model.weights, segments.boundaries, segments.sum(kernel_s), WIRES, cells[0], cells[1:],
        np.zeros((1, wires, count)), ((),), shares, np.ones(1), segments.weight_bytes, segments.peak_bytes,
        float(answer),
    )  # fmt: skip


def _coded(by: Codec, array: NDArray[Any]) -> tuple[float, float, float]:
    """Bytes, and CPU seconds to write and to read. A camera's bytes are sent as they are, and read as numbers."""
    if array.dtype != np.uint8:
        return time_codec(by, array)
    blob, taken = Raw().encode(array), []
    for _ in range(3):
        began_s = time.thread_time()
        as_numbers(unpack(blob))
        taken.append(time.thread_time() - began_s)
    return len(blob), 0.0, min(taken)
