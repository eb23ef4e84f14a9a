"""Work of the cloud on a release: export and quantise, plan, evaluate, sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..compress.quantize import Quantize
from ..core.blob import arrays_of_bytes, arrays_to_bytes, examples_to_bytes, tensors_of_bytes
from ..core.compute import Predict
from ..core.errors import NotFound, Refused
from ..core.label import PUBLIC_RAW, Form, Label, Zone
from ..core.model import Model
from ..core.plan import Plan
from ..core.ref import Ref
from ..core.release import Release, Signed, StageGraph
from ..core.sample import Examples
from ..flow.job.messages import Draft, MakeDraft, Package, Packaged
from ..flow.rollout.messages import Reissue, Reissued
from ..infer.calibrate import temperature
from ..plan import Calibration, Choice, Host, Problem, baselines, careful
from .learning import answer, project_of
from .loaded import RELEASES, channels, read_manifest, remember
from .tools import Tools

GOLDEN = 8  # inputs that every node must answer alike
LEAST_STD = 1e-6  # of a channel: one that never fires must not make every sample strange
TOLERANCE = 2e-3  # of a probability; runtimes differ in the last bits, int8 in one step of a scale


def make_draft(work: MakeDraft, tools: Tools) -> Draft:
    """The stages of some weights, in int8 if the calibration set loses little by it."""
    weights = tensors_of_bytes(tools.disk.get(work.weights))
    calibration = project_of(tools).examples("calibration")
    data = tools.disk.put([examples_to_bytes(calibration)], PUBLIC_RAW)
    logits = answer(iter(Predict(weights, (data,))), tools).logits
    temperatures = tuple(temperature(one, calibration.y) for one in logits)
    small = answer(Quantize()(weights, temperatures, (data,), calibration.y), tools)
    label = Label(work.weights.label.tier, Form.UPDATE)
    stored = tools.disk.put([small.exported.weights], label)
    graphs = tuple(
        StageGraph(first, last, tools.disk.put([graph], label), memory)
        for (first, last, graph), memory in zip(small.exported.graphs, small.memory_bytes, strict=True)
    )
    probabilities = _probabilities(stored, graphs, calibration, tools)
    arrays: dict[str, NDArray[np.generic]] = {f"p{i}": p for i, p in enumerate(probabilities)}
    arrays["y"] = calibration.y
    table = tools.disk.put([arrays_to_bytes(arrays)], label)
    return Draft(
        work.weights, stored, graphs, replace(small.exported.model, weights=stored.digest), table, small.precision
    )


def _probabilities(
    stored: Ref, graphs: Sequence[StageGraph], calibration: Examples, tools: Tools
) -> list[NDArray[np.float32]]:
    """What the shipped graph, not the trained module, says to the calibration set, per exit."""
    exits = max(graph.last for graph in graphs)
    whole = next(graph for graph in graphs if (graph.first, graph.last) == (0, exits))
    run = tools.runner.load(tools.disk.get(whole.graph), tools.disk.get(stored))
    return [np.asarray(p, np.float32) for p in run(calibration.x)[:exits]]


def package(work: Package, tools: Tools) -> Packaged:
    """A signed release. Raises Refused when it forgets more than the policy allows."""
    draft = work.draft
    table = arrays_of_bytes(tools.disk.get(draft.calibration))
    y = np.asarray(table.pop("y"), np.int64)
    p = [np.asarray(table[f"p{i}"], np.float32) for i in range(len(table))]
    right = [float((one.argmax(-1) == y).mean()) for one in p]
    _check_forgetting(work, right[-1], tools)
    choice, others = plans(work, p, y, tools)
    release = _release(work, (choice.plan, *others), p, right, tools)
    manifest = tools.codec.encode(release)
    signed = tools.codec.encode(Signed(manifest, tools.vault.sign(manifest)))
    ref = tools.disk.put([signed], Label(draft.weights.label.tier, Form.UPDATE))
    remember(work.number, ref, tools)
    return Packaged(work.number, ref, release.evaluation)


def reissue(work: Reissue, tools: Tools) -> Reissued:
    """A release that there was, once more: all its blobs are known, only its number and its signature are new."""
    for row in tools.disk.scan(RELEASES):
        if row.key == str(work.of):
            old: Ref = tools.codec.decode(row.data).manifest
            release = replace(read_manifest(old, tools), counter=work.number, parent=work.of, trigger=work.why)
            manifest = tools.codec.encode(release)
            signed = tools.codec.encode(Signed(manifest, tools.vault.sign(manifest)))
            ref = tools.disk.put([signed], old.label)
            remember(work.number, ref, tools)
            return Reissued(work.number, ref)
    raise NotFound(f"no release {work.of} on this disk; `ganglion model ls` shows those that there are")


def _release(
    work: Package, plans: tuple[Plan, ...], p: list[NDArray[np.float32]], right: list[float], tools: Tools
) -> Release:
    """The manifest of a draft: what it was made from, how it may be cut, and what it says to a few golden inputs."""
    draft, project = work.draft, project_of(tools)
    calibration = project.examples("calibration")
    label = Label(draft.weights.label.tier, Form.UPDATE)
    features, distance = _features(draft, calibration, tools)
    return Release(
        name="model",
        counter=work.number,
        parent=work.order.parent,
        trigger=work.order.trigger,
        weights=draft.weights,
        replay=tools.disk.put([examples_to_bytes(project.examples("train"))], PUBLIC_RAW),
        stored=draft.stored,
        graphs=draft.graphs,
        plans=plans,
        input_shape=draft.model.input_shape,
        scale=project.scale,
        classes=project.classes,
        exits=len(p),
        confidence=tuple((float(one.max(-1).mean()), float(one.max(-1).std())) for one in p),
        features=features,
        distance=distance,
        golden_x=tools.disk.put([arrays_to_bytes({"x": calibration.x[:GOLDEN]})], PUBLIC_RAW),
        golden_y=tools.disk.put([arrays_to_bytes({"p": p[-1][:GOLDEN]})], label),
        tolerance=TOLERANCE,
        evaluation=(
            *((f"calibration_accuracy_exit_{i + 1}", value) for i, value in enumerate(right)),
            ("release_bytes", float(sum(ref.size_bytes for ref in (draft.stored, *(g.graph for g in draft.graphs))))),
        ),
    )


def _features(
    draft: Draft, calibration: Examples, tools: Tools
) -> tuple[tuple[tuple[float, float], ...], tuple[float, float]]:
    """What the first boundary looks like on the calibration set, for a device to notice what does not look so."""
    first = next((graph for graph in draft.graphs if (graph.first, graph.last) == (0, 1)), None)
    if first is None or len(draft.model.exits) < 2:
        return (), (0.0, 1.0)
    run = tools.runner.load(tools.disk.get(first.graph), tools.disk.get(draft.stored))
    seen = channels(run(calibration.x)[-1])
    mean, std = seen.mean(0), np.maximum(seen.std(0), LEAST_STD)
    distances = np.sqrt((((seen - mean) / std) ** 2).mean(1))
    features = tuple((float(m), float(s)) for m, s in zip(mean, std, strict=True))
    return features, (float(distances.mean()), float(distances.std()))


def plans(
    work: Package, p: list[NDArray[np.float32]], y: NDArray[np.int64], tools: Tools
) -> tuple[Choice, tuple[Plan, ...]]:
    """The best plan for this fleet, whose sites are taken to be alike, and the baselines."""
    fleet, draft, profiles = tools.fleet, work.draft, dict(work.profiles)
    edge = next(node for node in fleet.at(Zone.EDGE) if fleet.children(node.id))
    device = fleet.children(edge.id)[0]
    hosts = [Host(profiles[int(n.zone)], n.slowdown, n.memory_bytes) for n in (device, edge, fleet.cloud)]
    problem = Problem(
        draft.model,
        (hosts[0], hosts[1], hosts[2]),
        (fleet.link(device.id), fleet.link(edge.id)),
        tuple((graph.first, graph.last, graph.memory_bytes) for graph in draft.graphs),
        (_sample_bytes(work, tools), *_boundary_bytes(draft.model)),
        Calibration.of(p, y),
        tools.policy.mix,
        tools.policy.goal,
    )
    return careful(problem, tools.rng.stream("plan")), baselines(problem, tools.rng.stream("plan"))


def _boundary_bytes(model: Model) -> tuple[int, ...]:
    sizes = {kernel.name: kernel.out_bytes for kernel in model.kernels}
    return tuple(sizes[name] for name in model.boundaries[1:])


def _sample_bytes(work: Package, tools: Tools) -> int:
    values = int(np.prod(work.draft.model.input_shape))
    return values if project_of(tools).scale != 1.0 else 4 * values


def _check_forgetting(work: Package, accuracy: float, tools: Tools) -> None:
    for row in tools.disk.scan(RELEASES):
        if work.order.parent and row.key == str(work.order.parent):
            parent = read_manifest(tools.codec.decode(row.data).manifest, tools)
            before = dict(parent.evaluation)[f"calibration_accuracy_exit_{parent.exits}"]
            if before - accuracy > tools.policy.max_forgetting:
                raise Refused(
                    f"the candidate has {accuracy:.3f} of the public calibration set right, its parent {before:.3f}; "
                    f"a loss of {tools.policy.max_forgetting:.3f} is allowed: replay more, or learn more slowly"
                )
