"""A job's file: what it says is what is played, what is wrong in it is named with a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from ganglion.cli import app
from ganglion.core.blob import tensors_of_bytes
from ganglion.core.errors import ConfigError, GanglionError, NotFound
from ganglion.core.label import Tier
from ganglion.learn import Cosine
from ganglion.learn.aggregate import Mean, Median
from ganglion.learn.step import Momentum
from ganglion.protect import Noise
from ganglion.train.curves import page
from ganglion.train.data import from_arrays, from_csv, from_folder
from ganglion.train.federation import Round
from ganglion.train.job_file import read_train
from ganglion.train.rounds import Judgement

JOB = """
seed = 3
workers = 0
[data]
source = "npz"
path = "digits.npz"
{data}
[clients]
partition = "dirichlet"
clients = 8
alpha = 0.7
held_out = 0.2
{clients}
[model]
hidden = [16]
[method]
name = "fedavgm"
cohort = 5
rate = 0.2
batch = 10
{method}
[stop]
rounds = 4
every = 2
{rest}
"""


def job(folder: Path, data: str = "", clients: str = "", method: str = "", rest: str = "") -> Path:
    x, y = load_digits(return_X_y=True)
    np.savez(folder / "digits.npz", x=np.rint(x * (255 / 16)).astype(np.uint8)[:500], y=y[:500])
    file = folder / "job.toml"
    file.write_text(JOB.format(data=data, clients=clients, method=method, rest=rest), "utf-8")
    return file


def test_a_file_is_what_it_says(tmp_path: Path) -> None:
    more = 'beta = 0.7\nserver_rate = 0.5\n[method.client_rate]\nkind = "cosine"\nrounds = 4'
    made, stop = read_train(job(tmp_path, method=more))
    assert made.strategy.step == Momentum(beta=0.7, rate=0.5) and made.strategy.client_rate == Cosine(rounds=4)
    assert (len(made.parts), stop.rounds, stop.every, made.held_out, made.seed) == (8, 4, 2, 0.2, 3)
    assert made.test is not None and len(made.test) == 100 and made.train.x.max() == 1.0
    assert read_train(job(tmp_path, method='aggregate = "Median"'))[0].strategy.aggregate == Median()


WRONG = [
    ({"method": "ratte = 1"}, "unknown key 'ratte'.*did you mean 'rate'"),
    ({"method": "mu = 0.1"}, "unknown key 'mu'"),
    ({"clients": "each = 2"}, "unknown key 'each'"),
    ({"data": 'tier = "edge"'}, r"may not leave its clients as it is; add \[declassify\]"),
    ({"data": "test = 2.0"}, "it must be between 0 and 0.9"),
    ({"rest": '[declassify]\nmechanism = "noice"'}, "did you mean 'noise'"),
    ({"data": 'tier = "edge"', "method": 'aggregate = "Nova"', "rest": '[declassify]\nmechanism = "noise"'}, "choose"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_what_is_wrong_is_named(more: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        read_train(job(tmp_path, **more))


def test_private_data_needs_a_mechanism_and_noise_is_one(tmp_path: Path) -> None:
    noise = '[declassify]\nmechanism = "noise"\nclip = 2.0\nmultiplier = 0.01'
    made, stop = read_train(job(tmp_path, data='tier = "user"', rest=noise))
    assert made.train.tier is Tier.USER
    assert made.strategy.prepare == (Noise(2.0, 0.01),) and made.strategy.aggregate == Mean(weighted=False)
    assert made.run(stop).weights.digest() == made.run(stop).weights.digest()


def test_tables_and_folders(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("height,site,kind,width\n1.5,b,cat,2\n2,a,dog,3\n0,b,cat,-1e3\n", "utf-8")
    told = from_csv(table, "kind", "site")
    assert told.classes == ("cat", "dog") and told.examples.x.tolist() == [[1.5, 2.0], [2.0, 3.0], [0.0, -1000.0]]
    assert told.owner is not None and told.owner.tolist() == [1, 0, 1] and told.examples.y.tolist() == [0, 1, 0]
    with pytest.raises(ConfigError, match=r"no column 'kid'.*did you mean 'kind'"):
        from_csv(table, "kid")
    table.write_text("a,y\nnan,1\n", "utf-8")
    with pytest.raises(ConfigError, match="not finite"):
        from_csv(table, "y")
    for name in ("left", "right"):
        (tmp_path / "f" / name).mkdir(parents=True)
        np.save(tmp_path / "f" / name / "1.npy", np.full((2, 3), 255 if name == "left" else 51, np.uint8))
    told = from_folder(tmp_path / "f")
    assert told.classes == ("left", "right") and told.examples.x[:, 0, 0].tolist() == pytest.approx([1.0, 0.2])
    with pytest.raises(NotFound, match="no examples"):
        from_folder(tmp_path / "f" / "left")
    with pytest.raises(NotFound, match="no data at"):
        from_arrays(tmp_path / "missing.npz")


def test_a_line_per_round_then_weights_and_curves_and_again_means_nothing_new(tmp_path: Path) -> None:
    file, out = job(tmp_path), tmp_path / "out"
    first = CliRunner().invoke(app, ["train", str(file), "--out", str(out), "-o", "json"])
    assert first.exit_code == 0, first.output
    lines = [line for line in first.stderr.splitlines() if line.startswith("round ")]
    assert len(lines) == 4 and "accuracy" in lines[1] and "accuracy" not in lines[0] and "s left" in lines[0]
    found = json.loads(first.stdout)
    assert found["weights"] == tensors_of_bytes((out / "weights.safetensors").read_bytes()).digest()
    drawn = (out / "curves.html").read_text("utf-8")
    assert drawn.count("<svg") == 2 and drawn.count("<polyline") == 5 and "http-equiv" not in drawn
    again = CliRunner().invoke(app, ["train", str(file), "--out", str(out), "-o", "json"])
    assert json.loads(again.stdout) == found and "round 1" not in again.stderr
    fresh = CliRunner().invoke(app, ["train", str(file), "--out", str(out), "-o", "json", "--fresh"])
    assert json.loads(fresh.stdout) == found and "round 4/4" in fresh.stderr


def test_a_missing_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    got = CliRunner().invoke(app, ["train", str(tmp_path / "none.toml")])
    assert isinstance(got.exception, GanglionError) and "no file" in str(got.exception)


def test_curves_stand_a_single_round_and_no_judgement() -> None:
    assert page("one", [Round(1, 3, (), 10, 10, Judgement(accuracy=0.5))]).count("<polyline") == 3
    assert page("none", [Round(1, 3, (), 10, 10)]).count("<svg") == 1
