"""`ganglion rollout` and `node`: a plan without a fleet, and against a running cloud, by whom it may be done."""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganglion.bench.access_console import CLOUD, FLEET, cloud, enrolled
from ganglion.cli import app
from ganglion.core.errors import ConfigError, NotFound, Refused, Unreachable
from ganglion.core.facts import Answered, Audited, Denied, Missed
from ganglion.core.fleet import NodeId
from ganglion.core.label import Form, Label, Tier, Zone
from ganglion.core.ports import Usage
from ganglion.core.ref import Ref
from ganglion.core.sample import Answer
from ganglion.flow.rollout.rule import Rule
from ganglion.flow.round.messages import RoundOver
from ganglion.live.admin import AdminClient
from ganglion.live.admin_messages import LinkState, Models, Snapshot, Status
from ganglion.live.agent_file import read_agent_file, write_agent_file
from ganglion.live.fleet_folder import Ports
from ganglion.live.logs import FILES, begin_log
from ganglion.live.metrics import Metrics
from ganglion.live.process import AGENT, end, spawn
from ganglion.live.rollout_messages import AskRollouts, CreateRollout, RolloutRow, Rollouts, SteerRollout
from ganglion.protect.access import Role

FLEET_FILE = """
[[node]]
id = "cloud"
zone = "cloud"
""" + "".join(
    f'[[node]]\nid = "edge-{n}"\nzone = "edge"\nparent = "cloud"\nlink = "lte"\nmetrics_port = {9100 + n}\n'
    f'[[node]]\nid = "device-{n}"\nzone = "device"\nparent = "edge-{n}"\nlink = "wifi"\n'
    for n in range(1, 5)
)
ROLLOUT_FILE = """
[[ring]]
name = "canary"
nodes = ["edge-2"]
least = 1
soak_s = 600
[[ring]]
name = "fleet"
share = 1.0
error = 0.1
"""


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints on stdout; it must end well."""
    app(list(words), standalone_mode=False)
    return capsys.readouterr().out


def test_a_dry_run_says_who_would_get_it_when_and_needs_no_cloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.toml").write_text(FLEET_FILE)
    words = ["rollout", "create", "3", "--dry-run", "--folder", str(tmp_path)]
    first = json.loads(shown(capsys, *words, "-o", "json"))
    assert [row["nodes"] for row in first] == [["edge-1"], ["edge-2", "edge-3", "edge-4"]]
    (tmp_path / "rollout.toml").write_text(ROLLOUT_FILE)
    rows = json.loads(shown(capsys, *words, "-o", "json"))
    assert [row["nodes"] for row in rows] == [["edge-2"], ["edge-1", "edge-3", "edge-4"]]
    assert [row["from_s"] for row in rows] == [0.0, 600.0]
    assert shown(capsys, *words).splitlines()[1].split()[:2] == ["canary", "edge-2"]
    (tmp_path / "other.toml").write_text(ROLLOUT_FILE.replace("soak_s", "soaks"))
    with pytest.raises(ConfigError, match="did you mean 'soak_s'"):
        app([*words, "-f", str(tmp_path / "other.toml")], standalone_mode=False)
    with pytest.raises(NotFound):
        app([*words, "-f", str(tmp_path / "none.toml")], standalone_mode=False)


def test_commands_against_no_cloud_say_so(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(FLEET_FILE)
    for words in (["rollout", "pause", "3"], ["rollout", "status"], ["node", "ls"], ["rollout", "create", "3"]):
        with pytest.raises((NotFound, Unreachable)):
            app([*words, "--folder", str(tmp_path)], standalone_mode=False)


@pytest.mark.live
def test_roles_steer_a_running_cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rings = (tuple(node.id for node in FLEET.at(Zone.EDGE)),)
    create = CreateRollout("7", rings, (Rule("all"),))
    with cloud(tmp_path) as port:
        owner, operator = enrolled(tmp_path, "olga", Role.OWNER, port), enrolled(tmp_path, "otto", Role.OPERATOR, port)
        assert operator.ask(AskRollouts()) == Rollouts(())
        with pytest.raises(Refused, match="an operator may not administer"):
            operator.ask(create)
        with pytest.raises(NotFound, match="no release 7"):
            owner.ask(create)
        for act in ("pause", "abort", "rollback"):
            with pytest.raises(NotFound, match="no roll-out 7"):
                operator.ask(SteerRollout(7, act))
        here = ["--folder", str(tmp_path)]
        assert json.loads(shown(capsys, "rollout", "status", "-o", "json", *here)) == []
        seen = json.loads(shown(capsys, "node", "ls", "-o", "json", *here))
        assert set(seen) == {"nodes", "links", "models", "rollouts", "budgets"}
        assert [row["node"] for row in seen["nodes"] if row["pid"]] == [CLOUD]
        assert "release" in shown(capsys, "node", "show", CLOUD, *here)
        with AdminClient(tmp_path / CLOUD) as client:
            facts = client.watch(0)
            denied = next(body for _, body in facts if isinstance(body, Denied))
        assert (denied.gate, denied.what, denied.peer) == ("query", "CreateRollout", "otto")


def snapshot() -> Snapshot:
    row = RolloutRow(3, "promoting", False, False, 1, ("canary", "fleet"), (("a",), ("b", "c")), (("a", "passed"),), "")
    usage = Usage(1.5, 4096, 2.0, "declared")
    links = (LinkState("edge-1", True, None, None), LinkState("edge-2", False, None, None))
    status = Status("cloud", "cloud", 1, 5.0, None, 3, 2, 0, links, 4, (), 9, 1, usage)
    return Snapshot(status, Models((), (("blobs", 10),)), Rollouts((row,)), (("update", 0.5),))


def told(version: int, y: int, took_s: float) -> Answered:
    answer = Answer("d/site/1", y, 0.9, 1, Zone.EDGE, version, Tier.PUBLIC, False)
    return Answered(answer, took_s, 0.5, Ref("secret-digest", 1, Label(Tier.PUBLIC, Form.RAW)))


def test_metrics_have_the_fields_names_and_count() -> None:
    metrics = Metrics("1.2.3", snapshot)
    for y in (1, 2, -1):
        metrics.hear(told(3, y, 0.02))
    metrics.hear(Denied("send", "Ask", CLOUD, "why"))
    value = metrics.registry.get_sample_value
    labels = {"model": "model", "version": "3", "tier": "edge", "exit": "1"}
    assert value("ganglion_inference_requests_total", {**labels, "outcome": "ok"}) == 2.0
    assert value("ganglion_inference_requests_total", {**labels, "outcome": "failed"}) == 1.0
    assert value("ganglion_inference_request_duration_seconds_count", labels) == 3.0
    assert value("ganglion_rollout_devices", {"rollout": "3", "group": "fleet", "state": "unreached"}) == 2.0
    assert value("ganglion_rollout_devices", {"rollout": "3", "group": "canary", "state": "passed"}) == 1.0
    assert value("ganglion_build_info", {"version": "1.2.3", "zone": "cloud"}) == 1.0
    assert value("ganglion_privacy_epsilon", {"policy": "update"}) == 0.5
    assert value("ganglion_energy_joules_total", {"source": "declared"}) == 2.0
    assert value("ganglion_early_exit_ratio") == 1.0
    metrics.hear(RoundOver(1, None, (NodeId("edge-1"),), "too few", owing=((NodeId("edge-2"), 1),)))
    metrics.hear(Missed(NodeId("edge-2"), 1, 4, 3, 100, "full"))
    assert value("ganglion_fl_rounds_total", {"outcome": "failed"}) == 1.0
    assert value("ganglion_fl_clients", {"state": "owing"}) == 1.0
    assert value("ganglion_missed_items_total") == 3.0
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert all(re.fullmatch(r"ganglion_[a-z_]+", name) for name in names) and len(names) > 15
    shown_labels = {v for family in metrics.registry.collect() for s in family.samples for v in s.labels.values()}
    assert not {"edge-1", "d/site/1", "secret-digest"} & shown_labels


@pytest.mark.live
def test_an_agent_shows_its_metrics_on_loopback(tmp_path: Path) -> None:
    home, ports = tmp_path / CLOUD, Ports()
    with cloud(tmp_path):
        pass  # its folder is made
    port = ports.reserve()
    write_agent_file(home, replace(read_agent_file(home), metrics_port=port))
    process = spawn(AGENT, [str(home)], home)
    try:
        page = ""
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
                page = answer.read().decode()
                break
            assert not process.wait(0.05), "the agent ended"
        assert 'ganglion_build_info{version="' in page and 'ganglion_links{state="down"} 1.0' in page
    finally:
        end([process], 3.0)
        process.let_go()
        ports.close()


def test_a_log_is_bounded_and_rotated(tmp_path: Path) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        begin_log(tmp_path, "edge-1", "json")
        (file,) = [one for one in root.handlers if one not in before]
        file.maxBytes = 4096  # type: ignore[attr-defined]
        for number in range(500):
            logging.getLogger("ganglion.test").info("line %d", number)
        lines = sorted((tmp_path / "log").iterdir())
        assert len(lines) == FILES + 1 and all(path.stat().st_size <= 4096 for path in lines)
        last: dict[str, Any] = json.loads((tmp_path / "log" / "node.log").read_text().splitlines()[-1])
        assert last["text"] == "line 499" and last["node"] == "edge-1"
    finally:
        for one in [one for one in root.handlers if one not in before]:
            root.removeHandler(one)
            one.close()
        root.setLevel(level)


@pytest.mark.live
def test_no_log_holds_a_key_or_a_token(tmp_path: Path) -> None:
    """A cloud, an enrolment by token, an audited act; then every secret on disk is looked for in the logs."""
    from ganglion.live.identity.authority import Authority

    with cloud(tmp_path) as port:
        token = Authority.load(tmp_path / CLOUD).invite_person("alice", Role.OWNER, 60.0)
        enrolled(tmp_path, "olga", Role.OWNER, port)
        with AdminClient(tmp_path / CLOUD) as client:
            client.tell(Audited("note", "release 1", "olga as owner"))
    logs = b"".join(path.read_bytes() for path in tmp_path.rglob("*.log*"))
    keys = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix == ".key"]
    lines = {line for path in keys for line in path.read_bytes().splitlines() if len(line) >= 40}
    assert b"Audited" in logs and keys and lines
    assert not [line for line in {*lines, token.encode()} if line in logs]
    assert b"PRIVATE KEY" not in logs
