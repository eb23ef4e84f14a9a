"""A set-up (fleet, project, policy, data) in one of the two worlds; whoever drives it cannot tell which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from .core.errors import NotFound
from .core.fleet import Fleet, Node, NodeId
from .core.label import Label, Tier, Zone
from .core.ports import Disk, Engine
from .core.process import Event
from .core.profile import Profile
from .core.ref import Ref
from .core.rng import stream
from .node.bodies import make_codec
from .node.loaded import restore
from .node.places import PLACES
from .node.tools import Labels, Policy, Project, Runner, Sensor, Tools, Tray
from .project import Loaded, Source, code_digest
from .protect.sign import public_key, sign, verify
from .sim.costs import large_work_s, small_work_s
from .sim.heap import Heap
from .sim.net import Wires
from .sim.world import Recipe, SimFleet, SimRng

if TYPE_CHECKING:
    from .live.supervisor import LiveFleet


class World(Protocol):
    """What both worlds offer to a script: tell, watch, break and mend."""

    fleet: Fleet
    facts: list[tuple[float, NodeId, Any]]  # everything told on any node, in order, with the world's seconds

    def now_s(self) -> float: ...
    def start(self, id: NodeId) -> None: ...
    def kill(self, id: NodeId) -> None: ...  # kill -9
    def cut(self, lower: NodeId) -> None: ...  # the link above a node
    def mend(self, lower: NodeId) -> None: ...
    def tell(self, id: NodeId, body: Any) -> None: ...
    def begin(self, id: NodeId, flow: Any) -> str: ...  # the key that it runs under; number 0 takes the next one
    def wait(self, wanted: Callable[[NodeId, Any], bool], timeout_s: float, since: int = 0) -> Any: ...
    def rest(self, seconds: float) -> None: ...
    def blob(self, id: NodeId, ref: Ref) -> bytes: ...  # what a node's disk holds, for whoever watches
    def bytes(self, lower: NodeId) -> tuple[int, int]: ...  # across the link above a node so far: up, down


@dataclass(frozen=True)
class Setup:
    """Everything a world is made of."""

    fleet: Fleet
    policy: Policy
    spec: str  # the project: "package.module:function" or a folder with model.py and data.py; see `project.resolve`
    sources: Mapping[str, Mapping[str, Source]]  # device -> source -> readings
    label_share: float = 0.5  # of a site's samples that its on-site source labels
    profiles: Mapping[int, Profile] = field(default_factory=dict)  # shipped, for the simulator


def truth(setup: Setup, sample: str) -> int:
    """The class of a sample, for whoever watches."""
    device, source, number = sample.split("/")
    y = setup.sources[device][source].y
    return int(y[int(number) % len(y)])


def sensor_of(sources: Mapping[str, Source]) -> Sensor:
    """A sensor over a device's sources."""

    def read(source: str, number: int) -> tuple[NDArray[Any], Tier]:
        if source not in sources:
            raise NotFound(f"this device has no source {source!r}; it has {sorted(sources)}")
        rows = sources[source]
        row = number % len(rows.x)
        return rows.x[row], Tier(int(rows.tiers[row]))

    return read


def labels_of(setup: Setup, seed: int) -> Labels:
    """An on-site source that labels a declared share of samples, always the same ones."""

    @cache
    def label(sample: str) -> int | None:
        chosen = float(stream(seed, "label", sample).random()) < setup.label_share
        return truth(setup, sample) if chosen else None

    return label


class SimVault:
    """Seeded keys: nothing simulated is a secret."""

    def __init__(self, seed: int) -> None:
        self._private = stream(seed, "release key").bytes(32)
        self._public = public_key(self._private)

    def sign(self, message: bytes) -> bytes:
        """Ed25519."""
        return sign(self._private, message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the release key signed this."""
        return verify(self._public, message, signature)

    def seal(self, plain: bytes, label: Label) -> bytes:
        """A simulated disk cannot be stolen."""
        return plain

    def open(self, sealed: bytes, label: Label) -> bytes:
        """As sealed."""
        return sealed


def simulate(
    setup: Setup,
    seed: int,
    project: Project,
    runner: Runner,
    engine: Callable[[Disk], Engine],
    tap: Callable[[NodeId, NodeId, bytes], None] | None = None,
) -> SimFleet:
    """The set-up in the simulator; all nodes are running."""
    codec, vault, labels = make_codec(), SimVault(seed), labels_of(setup, seed)
    wires = Wires(setup.fleet, Heap(), codec, stream(seed, "links"), tap=tap)

    def tools(node: Node, disk: Disk, rng: SimRng) -> Tools:
        made = Tools(
            node.id,
            setup.fleet,
            disk,
            rng,
            vault,
            codec,
            Tray(node.id),
            runner,
            policy=setup.policy,
            engine=engine(disk),
            project=project,
            sensor=sensor_of(setup.sources[node.id]) if node.zone is Zone.DEVICE else None,
            labels=labels if node.zone is Zone.EDGE else None,
            shipped=setup.profiles,
        )
        restore(made)
        return made

    def inline_s(work: Any, event: Event, node: Node) -> float:
        return small_work_s(work, event, setup.profiles.get(int(node.zone)))

    world = SimFleet(wires, Recipe(tools, lambda node: PLACES[node.zone], inline_s, large_work_s), seed)
    for node in sorted(setup.fleet.nodes, key=lambda node: -node.zone):
        world.start(node.id)
    return world


@contextmanager
def simulated_world(
    setup: Setup,
    seed: int,
    loaded: Loaded,
    tap: Callable[[NodeId, NodeId, bytes], None] | None = None,
    cache: Path | None = None,
) -> Iterator[SimFleet]:
    """The set-up in the simulator, with its project's model on torch and its releases on ONNX Runtime.

    `cache` is a folder that remembers what was computed before, so that the same world comes up again in seconds.
    """
    from .engine.onnx import OnnxRunner

    yield simulate(
        setup, seed, loaded.project, OnnxRunner(), lambda disk: torch_engine(loaded, disk.get, cache), tap=tap
    )


def torch_engine(loaded: Loaded, read: Callable[[Ref], bytes], cache: Path | None = None) -> Engine:
    """What trains a project's model here."""
    from .engine.cache import Cached
    from .engine.torch import TorchEngine

    engine = TorchEngine(loaded.build, read)
    if cache is None:
        return engine
    ours = Path(__file__).parent
    return Cached(engine, cache, loaded.digest + code_digest(ours / "engine", ours / "demo" / "project"))


@contextmanager
def live_world(
    setup: Setup, seed: int, folder: Path, log_format: str, tap: bool, say: Callable[[str], None]
) -> Iterator[LiveFleet]:
    """The set-up as processes of this machine, each with a folder, an identity and ports of its own."""
    from .live.supervisor import LiveFleet

    with LiveFleet(setup, folder, seed, log_format=log_format, tap=tap, progress=say) as fleet:
        yield fleet


def live_capture(folder: Path, cloud: NodeId, edges: Iterable[NodeId]) -> Iterator[bytes]:
    """Every plaintext frame that crossed an edge-cloud link, as its sender's tap kept it just before encryption."""
    from .live.agent_tap import tapped
    from .live.fleet_folder import TAP

    for node in (cloud, *edges):
        for peer, frame in tapped(folder / node / TAP):
            if cloud in (node, peer):
                yield frame
