"""Commands about members, consoles, services and models, on a project's folder and against a running cloud."""

from __future__ import annotations

import configparser
import json
import shlex
import sys
from pathlib import Path

import pytest

from ganglion.bench.access_console import CLOUD, cloud
from ganglion.cli import app
from ganglion.cli.health import needs
from ganglion.cli.hosts import node_home
from ganglion.cli.service import unit
from ganglion.core.errors import ConfigError, GanglionError, NotFound, Refused
from ganglion.core.fleet import NodeId
from ganglion.core.label import Zone
from ganglion.live.identity.authority import Authority
from ganglion.live.insecure import check_loopback


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints on stdout; it must end well."""
    app(list(words), standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.parametrize(("zone", "for_user"), [(Zone.EDGE, True), (Zone.DEVICE, False)])
def test_a_unit_is_one_that_systemd_reads_and_restarts_the_node(tmp_path: Path, zone: Zone, for_user: bool) -> None:
    folder = tmp_path / "a project at 100%"
    text = unit(folder, zone, NodeId("node-1"), for_user)
    parsed = configparser.RawConfigParser(strict=True)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    service = parsed["Service"]
    words = shlex.split(service["ExecStart"].replace("%%", "%"))
    noun = zone.name.lower()
    assert words == [sys.executable, "-m", "ganglion", noun, "serve", "node-1", "--folder", str(folder)]
    assert service["Restart"] == "always" and ("User" in service) is not for_user
    assert parsed["Install"]["WantedBy"] == ("default.target" if for_user else "multi-user.target")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "cloud.example", "::", "", "127.0.0.1.example"])
def test_insecure_is_for_this_machine_alone(host: str) -> None:
    with pytest.raises(Refused, match="for this machine alone"):
        check_loopback(host, "a cloud at")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    check_loopback(host, "a cloud at")


def test_an_unknown_folder_or_member_says_what_to_do(tmp_path: Path) -> None:
    for words in (["model", "ls"], ["cloud", "members"], ["edge", "install"], ["cloud", "rotate", "--step", "begin"]):
        with pytest.raises(GanglionError):
            app([*words, "--folder", str(tmp_path / "nowhere")], standalone_mode=False)


@pytest.mark.live
def test_models_are_named_from_here_and_from_a_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ganglion.protect.access import Role

    with cloud(tmp_path) as port:
        here = ["--folder", str(tmp_path)]
        assert json.loads(shown(capsys, "model", "ls", "-o", "json", *here)) == {"disk": [], "rows": []}
        with pytest.raises(NotFound, match="no releases go by 'champion'"):
            app(["model", "show", "champion", *here], standalone_mode=False)
        token = Authority.load(tmp_path / CLOUD).invite_person("alice", Role.OPERATOR, 60.0)
        at = ["--at", f"127.0.0.1:{port}"]
        own = str(tmp_path / "alice")
        shown(capsys, "console", "join", "alice", "--token", token, *at, "--folder", own)
        assert "cloud" in shown(capsys, "console", "status", *at, "--folder", own)
        assert shown(capsys, "model", "ls", *at, "--console", own).split()[0] == "release"
        with pytest.raises(NotFound, match="no release 7"):
            app(["model", "alias", "champion", "7", *at, "--console", own], standalone_mode=False)
    assert json.loads(shown(capsys, "model", "ls", "-o", "json", *here))["rows"] == []  # the cloud is down by now


def test_keys_are_replaced_by_command_with_those_that_are_kept_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganglion.live.identity.files import OFFLINE

    folder = tmp_path / "clinic"
    shown(capsys, "new", str(folder))
    here = ["--folder", str(folder)]
    fleet = folder / "fleet.toml"
    fleet.write_text(fleet.read_text().replace('zone = "cloud"', 'zone = "cloud"\naddress = "127.0.0.1:7400"', 1))
    shown(capsys, "cloud", "init", *here)
    home = node_home(folder, CLOUD)
    medium = tmp_path / "medium"
    (home / OFFLINE).rename(medium)
    before = Authority.load(home).issuers[0]
    with pytest.raises(NotFound, match="bring the root's key"):
        app(["cloud", "rotate", "--step", "issuer", *here], standalone_mode=False)
    with pytest.raises(ConfigError, match="the others of 3 must lie in"):
        app(["cloud", "root-key", "2", *here], standalone_mode=False)
    old = (medium / "metadata-root-2.key").read_bytes()
    for words in (["root-key", "2"], ["rotate", "--step", "issuer"]):
        app(["cloud", *words, "--offline", str(medium), *here], standalone_mode=False)
    said = capsys.readouterr().err
    assert "root 2 holds another key 2" in said and "put the root's key away" in said
    assert (medium / "metadata-root-2.key").read_bytes() != old and not (home / OFFLINE).exists()
    app(["cloud", "rotate", "--step", "finish", *here], standalone_mode=False)
    assert [one.subject == before.subject for one in Authority.load(home).issuers] == [False]
    checks = {what: found for what, _, found in needs(folder)}
    assert "days left" in checks["issuing authority"] and "days left" in checks["root of releases"]
