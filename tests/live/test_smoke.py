"""Three real processes over real sockets: links, blobs, learning, answers, kill -9, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganglion
from ganglion.cli.sensing import sense
from ganglion.core.errors import ConfigError, NotFound, ProtocolError, Unreachable
from ganglion.core.facts import Answered, Fetched, Hard, Pushed
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import PUBLIC_RAW, Tier, Zone
from ganglion.core.ref import Ref
from ganglion.flow.deliver.messages import Accepted, Delivered
from ganglion.flow.fetch.client import Fetch, Give
from ganglion.flow.job.cloud import Job
from ganglion.flow.job.messages import JobOver, Order
from ganglion.flow.presence.messages import Present
from ganglion.flow.sense.messages import Stream
from ganglion.live.admin import AdminClient
from ganglion.live.agent_file import STATE
from ganglion.live.agent_tap import tapped
from ganglion.live.disk import LiveBlobs
from ganglion.live.fleet_folder import TAP
from ganglion.live.identity.vault import LocalVault
from ganglion.live.supervisor import LiveFleet
from ganglion.node.tools import Policy
from ganglion.project import resolve
from ganglion.run import Setup

pytestmark = pytest.mark.live

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge"), NodeId("device")
ROOT = Path(ganglion.__file__).parent
FAST = Link("fast", 1e8, 1e8, 0.001)
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD), Node(DEVICE, Zone.DEVICE, EDGE)),
    ((EDGE, FAST), (DEVICE, FAST)),
)
PATIENCE_S = 30.0
# Imported by every Python that starts: in the process of a node, not in its worker, torch is not there.
NO_TORCH = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript"):
            raise ModuleNotFoundError(f"{name} is hidden from this process", name=name)
if "ganglion.live.fork_server" in sys.orig_argv:
    sys.meta_path.insert(0, Hidden())
"""


def processes(folder: Path) -> list[str]:
    """Command lines of living processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and "ganglion" in words:
            found.append(words.replace("\0", " "))
    return found


def until(true: Callable[[], bool], what: str) -> None:
    """Looks again and again, for a while."""
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s, f"{what} did not happen within {PATIENCE_S} s"
        time.sleep(0.02)


def present(node: NodeId, at: NodeId) -> Callable[[NodeId, Any], bool]:
    return lambda where, body: where == at and isinstance(body, Present) and body.node == node


@pytest.fixture(scope="module")
def setup() -> Setup:
    spec = str(ROOT / "template")
    return Setup(FLEET, Policy(), spec, {DEVICE: resolve(spec).streams(DEVICE)})


@pytest.fixture(scope="module")
def fleet(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFleet]:
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "sitecustomize.py").write_text(NO_TORCH, "utf-8")
    folder = tmp_path_factory.mktemp("smoke") / "fleet"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join([str(hidden), str(ROOT.parent)]))
        with LiveFleet(setup, folder, 7, tap=True) as running:
            yield running
    assert processes(folder) == []
    assert not list(folder.rglob("*.sock")) and not (folder / "fleet.json").exists()


def test_every_node_is_a_process_and_beats_reach_the_cloud(fleet: LiveFleet) -> None:
    fleet.wait(present(DEVICE, CLOUD), PATIENCE_S)
    found = {node.id: fleet.status(node.id) for node in FLEET.nodes}
    assert len({status.pid for status in found.values()} | {os.getpid()}) == 4
    assert all(link.up for status in found.values() for link in status.links)
    assert {link.peer for link in found[EDGE].links} == {CLOUD, DEVICE}
    up, down = fleet.bytes(EDGE)
    assert up > 1000 and down > 1000
    assert all(fleet.usage(id).cpu_s > 0.0 for id in found)


def test_folders_and_sockets_are_the_owners_alone(fleet: LiveFleet) -> None:
    for node in FLEET.nodes:
        folder = fleet.folder / node.id
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("admin.sock", "node.json", "node.key"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_the_nodes_run_without_torch(fleet: LiveFleet) -> None:
    """The fleet's processes were started with a hook that hides torch; here it is shown to hide it."""
    hidden = next(Path(part) for part in subprocess_path(fleet) if (Path(part) / "sitecustomize.py").exists())
    environment = {**os.environ, "PYTHONPATH": str(hidden)}
    seen = subprocess.run(
        [sys.executable, "-c", "import torch", "ganglion.live.fork_server"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.returncode == 1 and "hidden from this process" in seen.stderr


def subprocess_path(fleet: LiveFleet) -> list[str]:
    """PYTHONPATH of the edge's process, as the system tells it."""
    raw = Path(f"/proc/{fleet.status(EDGE).pid}/environ").read_bytes().split(b"\0")
    return next(line.decode().partition("=")[2] for line in raw if line.startswith(b"PYTHONPATH=")).split(os.pathsep)


def test_blobs_move_by_digest_over_the_bulk_lane(fleet: LiveFleet) -> None:
    content = np.random.default_rng(3).bytes(1_500_000)
    folder = fleet.folder / EDGE
    ref = LiveBlobs(folder / STATE, LocalVault(folder)).put([content], PUBLIC_RAW)
    fleet.begin(EDGE, Give(ref, CLOUD))
    fleet.begin(DEVICE, Fetch(ref, EDGE))
    fleet.wait(lambda node, body: node == EDGE and body == Pushed(ref), PATIENCE_S)
    fleet.wait(lambda node, body: node == DEVICE and body == Fetched(ref), PATIENCE_S)
    assert fleet.blob(CLOUD, ref) == content == fleet.blob(DEVICE, ref)
    with pytest.raises(NotFound):
        fleet.blob(CLOUD, Ref("0" * 64, 1, PUBLIC_RAW))


def test_a_job_trains_in_a_worker_and_devices_answer(fleet: LiveFleet, setup: Setup) -> None:
    fleet.begin(CLOUD, Job(1, Order("smoke"), ((EDGE,),)))
    over = fleet.wait(lambda node, body: isinstance(body, JobOver), 120.0)
    assert over.kept, over.why
    since = len(fleet.facts)
    fleet.tell(DEVICE, Stream("stream", 40, 50.0))
    answered: set[str] = set()

    def all_answered(node: NodeId, body: Any) -> bool:
        if isinstance(body, Answered) and node == DEVICE:
            answered.add(body.answer.sample)
        return len(answered) == 40

    fleet.wait(all_answered, PATIENCE_S, since)
    source = setup.sources[DEVICE]["stream"]
    told = [body.answer for _, _, body in fleet.facts[since:] if isinstance(body, Answered)]
    right = [answer.y == source.y[int(answer.sample.rpartition("/")[2]) % len(source.y)] for answer in told]
    assert len(told) == 40 and np.mean(right) > 0.8
    with AdminClient(fleet.folder / DEVICE) as client:
        one = client.infer(np.asarray(source.x[0], np.float32), Tier.USER)
        assert one.answer.zone is Zone.DEVICE and 0.0 <= one.answer.confidence <= 1.0
        with pytest.raises(ConfigError, match="shape"):
            client.infer(np.zeros((2, 2), np.float32))
        with pytest.raises(ProtocolError, match="float64"):
            client.infer(np.zeros(3))


def test_a_person_lets_the_sensor_read(fleet: LiveFleet, capsys: pytest.CaptureFixture[str]) -> None:
    place = fleet.folder / DEVICE
    sense(place, "stream", 20, 50.0, True)
    seen = json.loads(capsys.readouterr().out)
    assert seen["sent"] == seen["answered"] == 20 and seen["without a class"] == 0
    with pytest.raises(NotFound, match="no source 'other'; it has"):
        sense(place, "other", 1, 1.0, True)


def test_the_tap_sees_what_went_over_the_wire(fleet: LiveFleet) -> None:
    frames = list(tapped(fleet.folder / EDGE / TAP))
    assert {peer for peer, _ in frames} == {CLOUD, DEVICE}
    assert any(b"presence.Beat" in frame for _, frame in frames)


def test_what_was_accepted_outlives_a_cut_link_and_a_killed_edge(fleet: LiveFleet) -> None:
    """Half is on the edge's disk when it dies, half is accepted by the device while nobody answers it."""
    until(lambda: all(fleet.status(node.id).waiting == 0 for node in FLEET.nodes), "an empty outbox everywhere")
    since = len(fleet.facts)
    fleet.cut(EDGE)
    ids = [accept_hard(fleet) for _ in range(5)]
    until(lambda: fleet.status(DEVICE).waiting == 0 and fleet.status(EDGE).waiting == 5, "the edge's commit")
    fleet.kill(EDGE)
    with pytest.raises(Unreachable, match="not running"):
        fleet.status(EDGE)
    ids += [accept_hard(fleet) for _ in range(5)]
    fleet.start(EDGE)
    fleet.mend(EDGE)
    fleet.wait(present(DEVICE, CLOUD), PATIENCE_S, len(fleet.facts))
    until(lambda: sum(fleet.status(node.id).waiting for node in FLEET.nodes) == 0, "the outboxes draining")
    taken = Counter(
        body.sample for _, node, body in fleet.facts[since:] if node == CLOUD and isinstance(body, Delivered)
    )
    assert taken == Counter(ids)


def accept_hard(fleet: LiveFleet) -> str:
    """Has the device answer a sample and promise to hand it on; its id."""
    since = len(fleet.facts)
    with AdminClient(fleet.folder / DEVICE) as client, suppress(Unreachable):  # it need not have a release
        client.infer(np.zeros(30, np.float32))
    answered = fleet.wait(lambda node, body: node == DEVICE and isinstance(body, Answered), PATIENCE_S, since)
    sample: str = answered.answer.sample
    fleet.tell(DEVICE, Hard(sample, answered.x))
    fleet.wait(lambda node, body: node == DEVICE and body == Accepted(sample), PATIENCE_S, since)
    return sample


def test_a_node_that_dies_by_itself_is_reported_with_its_log(fleet: LiveFleet) -> None:
    os.kill(fleet.status(DEVICE).pid, 9)
    with pytest.raises(Unreachable, match=r"device was killed by signal 9; the end of its log:\n(.|\n)* INFO "):
        fleet.rest(PATIENCE_S)
    fleet.start(DEVICE)
    fleet.wait(present(DEVICE, CLOUD), PATIENCE_S, len(fleet.facts))


def test_a_detached_fleet_is_found_again_and_ended(fleet: LiveFleet, setup: Setup, tmp_path: Path) -> None:
    """A second fleet beside the first: no port, socket or folder is shared."""
    with LiveFleet(setup, tmp_path / "other", 8, shaped=False) as other:
        with pytest.raises(ConfigError, match="runs in"), LiveFleet(setup, tmp_path / "other", 8):
            pass
        other.detach()
    again = LiveFleet.attach(tmp_path / "other")
    again.wait(present(EDGE, CLOUD), PATIENCE_S)
    again.cut(EDGE)
    until(lambda: not again.status(EDGE).links[0].up, "the cut")
    again.mend(EDGE)
    again.close()
    assert len(processes(tmp_path)) == 5
    assert LiveFleet.down(tmp_path / "other") == 5
    until(lambda: processes(tmp_path) == [], "the end")
    with pytest.raises(NotFound, match="no fleet"):
        LiveFleet.attach(tmp_path / "other")
    assert fleet.status(CLOUD).links[0].up


LEFT_ALONE = """
import sys
from pathlib import Path
import test_smoke as smoke
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets background jobs ignore it
setup = smoke.Setup(smoke.FLEET, smoke.Policy(), "", {})
with smoke.LiveFleet(setup, Path(sys.argv[1]), 7, progress=lambda step: print(step, flush=True)) as fleet:
    fleet.rest(smoke.PATIENCE_S)
"""


@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, "starting 2"), (signal.SIGKILL, "2 of 2")])
def test_nothing_outlives_its_supervisor(tmp_path: Path, number: signal.Signals, step: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT.parent), str(Path(__file__).parent)])}
    with subprocess.Popen(
        [sys.executable, "-c", LEFT_ALONE, str(tmp_path / "fleet")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        assert any(line.startswith(step) for line in supervisor.stdout)
        supervisor.send_signal(number)
        assert supervisor.wait(PATIENCE_S) == -number
    until(lambda: processes(tmp_path) == [], "the end of every process")  # one just begun sees that it is alone
