"""A new project runs as it is: in the simulator it trains, rolls out and answers; its sample files are read."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from ganglion.cli import app
from ganglion.cli.folder import load_setup, node_named, state_of
from ganglion.cli.inference import read_sample
from ganglion.cli.rollout import rings
from ganglion.config import read_fleet
from ganglion.core.errors import ConfigError, NotFound
from ganglion.core.label import Tier, Zone

trains = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("sklearn") is None,
    reason="training needs torch and scikit-learn: pip install 'ganglion[train]'",
)


def ganglion(*words: str) -> None:
    """Runs a command in this process; errors come through as they are."""
    app(list(words), standalone_mode=False)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project."""
    folder = tmp_path_factory.mktemp("projects") / "mine"
    ganglion("new", str(folder))
    return folder


def test_a_new_project_has_what_it_needs(mine: Path) -> None:
    assert {path.name for path in mine.iterdir()} == {"model.py", "data.py", "fleet.toml", "job.toml", ".gitignore"}
    assert ".ganglion/" in (mine / ".gitignore").read_text("utf-8")
    assert all(
        len((mine / name).read_text("utf-8").splitlines()) < 60 for name in ("model.py", "data.py", "fleet.toml")
    )


def test_nothing_is_overwritten(mine: Path) -> None:
    before = (mine / "model.py").read_bytes()
    with pytest.raises(ConfigError, match="exists already: nothing was written"):
        ganglion("new", str(mine))
    assert (mine / "model.py").read_bytes() == before


@trains
def test_its_set_up_is_whole(mine: Path) -> None:
    setup = load_setup(mine)
    devices = [node.id for node in setup.fleet.at(Zone.DEVICE)]
    assert sorted(setup.sources) == sorted(devices)
    for device in devices:
        source = setup.sources[device]["stream"]
        assert len(source.x) == len(source.y) == len(source.tiers)
        assert set(source.tiers.tolist()) == {Tier.PUBLIC, Tier.EDGE, Tier.USER}
    assert setup.policy.goal.risk == 0.02
    assert rings(setup.fleet) == (("edge",),)


def simulated(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What `up --sim` prints on stdout and stderr."""
    ganglion("up", str(folder), "--sim", "--samples", "40", "-o", "json")
    seen = capsys.readouterr()
    return seen.out, seen.err


@trains
def test_it_trains_and_answers_in_the_simulator(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = simulated(mine, capsys)
    result = json.loads(out)
    assert (result["release"], result["answered"]) == (1, 80)
    assert result["accuracy"] >= 0.85
    assert sum(result[f"share_{zone.name.lower()}"] for zone in Zone) == pytest.approx(1.0)
    steps = err.splitlines()
    assert steps[0] == "train …" and "release 1 is out" in steps


@trains
@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulated(mine, capsys) == simulated(mine, capsys)


@trains
@pytest.mark.live
@pytest.mark.slow
def test_it_runs_as_processes_until_it_is_told_to_end(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ganglion.core.errors import Unreachable

    ganglion("up", str(mine), "--samples", "20", "-o", "json")
    try:
        assert json.loads(capsys.readouterr().out)["answered"] == 40
        ganglion("status", str(mine), "-o", "json")
        nodes = json.loads(capsys.readouterr().out)
        assert {(node["node"], node["release"]) for node in nodes if node["zone"] == "device"} == {
            ("device-1", 1),
            ("device-2", 1),
        }
        sample = mine / "sample.json"
        sample.write_text(json.dumps([0.0] * 30), "utf-8")
        ganglion("infer", str(sample), "--folder", str(mine), "--tier", "user", "-o", "json")
        answer = json.loads(capsys.readouterr().out)
        assert (answer["answered at"], answer["release"]) == ("device", 1)
        ganglion("eval", str(mine), "-o", "json")
        scored = json.loads(capsys.readouterr().out)
        assert scored["examples"] == 100 and sum(map(sum, scored["confusion"])) == 100
    finally:
        ganglion("down", str(mine))
    with pytest.raises(Unreachable):
        ganglion("status", str(mine))


def test_nodes_are_named_or_the_only_one(mine: Path) -> None:
    declared = read_fleet(mine / "fleet.toml")
    assert node_named(declared, "", Zone.EDGE) == "edge"
    assert node_named(declared, "device-2", Zone.DEVICE) == "device-2"
    with pytest.raises(ConfigError, match="which device is meant: there are device-1, device-2"):
        node_named(declared, "", Zone.DEVICE)
    with pytest.raises(NotFound, match="did you mean 'device-2'"):
        node_named(declared, "device-3", Zone.DEVICE)


def test_hosts_need_addresses(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    ganglion("new", str(fresh))
    with pytest.raises(ConfigError, match="node 'cloud' has no address"):
        ganglion("cloud", "init", "--folder", str(fresh))
    assert not (fresh / ".ganglion").exists()


def test_a_fleet_s_state_is_found(tmp_path: Path) -> None:
    assert state_of(tmp_path) == tmp_path
    (tmp_path / "demo-out" / "fleet").mkdir(parents=True)
    assert state_of(tmp_path) == tmp_path / "demo-out" / "fleet"
    assert state_of(tmp_path / "demo-out") == tmp_path / "demo-out" / "fleet"
    (tmp_path / ".ganglion").mkdir()
    assert state_of(tmp_path) == tmp_path / ".ganglion"


def test_arrays_are_read_in_the_shape_of_the_model(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.uint8))
    (tmp_path / "x.json").write_text("[[0, 1.5, 2], [3, 4, 5]]", "utf-8")
    as_bytes = read_sample(tmp_path / "x.npy", (2, 3), 1 / 255)
    assert (as_bytes.dtype.name, as_bytes.tolist()) == ("uint8", [[0, 1, 2], [3, 4, 5]])
    assert read_sample(tmp_path / "x.npy", (6,), 1.0).dtype.name == "float32"
    assert read_sample(tmp_path / "x.json", (6,), 1 / 255).tolist() == [0, 1.5, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.json", "[1, 2", "cannot be read"),
        ("x.json", "[1, 2]", r"the model takes numbers of shape \[2, 3\]"),
        ("x.json", '["a", "b", "c", "d", "e", "f"]', "the model takes numbers"),
        ("x.npy", "no array", "cannot be read"),
        ("x.png", "no picture", "cannot be read|takes Pillow"),
    ],
)
def test_what_is_no_sample_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said):
        read_sample(tmp_path / name, (2, 3), 1 / 255)


def test_pictures_come_channels_first(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0], picture[:4, :, 2] = 255, 100
    image.fromarray(picture).save(tmp_path / "x.png")
    red_green_blue = read_sample(tmp_path / "x.png", (3, 8, 8), 1 / 255)
    assert (red_green_blue == picture.transpose(2, 0, 1)).all()
    assert read_sample(tmp_path / "x.png", (1, 4, 4), 1 / 255).shape == (1, 4, 4)
    assert read_sample(tmp_path / "x.png", (3, 8, 8), 1.0).max() == 1.0
    with pytest.raises(ConfigError, match="is a picture"):
        read_sample(tmp_path / "x.png", (5, 8, 8), 1.0)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_sample(tmp_path / "x.npy", (1,), 1.0)
