"""Compression in jobs of this process: from a file or the API, counted, resumed, for private data only with leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

from ganglion import Compress
from ganglion.core.compute import Sgd
from ganglion.core.errors import ConfigError
from ganglion.core.label import Tier
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.learn import METHODS
from ganglion.learn.compress import COMPRESSIONS, Dgc, TopK, named
from ganglion.learn.partition import Iid
from ganglion.learn.select import Uniform
from ganglion.protect import Consent, Noise
from ganglion.train import Federation, Stop
from ganglion.train.job_file import read_train

SIZE = 64 * 16 + 16 + 16 * 10 + 10
PROJECT = """
import numpy as np
CLASSES = ("low", "high")
def examples(part):
    x = np.random.default_rng(len(part)).normal(size=(60, 3))
    return x.astype(np.float32), (x.sum(1) > 0).astype(int)
def stream(node):
    x, y = examples("test")
    return x, y, ["public"] * len(y)
"""


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def job(compress: Compress | None, tier: Tier = Tier.PUBLIC, **more: Any) -> Federation:
    x, y = load_digits(return_X_y=True)
    whole = Examples((x / 16).astype(np.float32), y.astype(np.int64), tier)
    train, test = whole.take(slice(0, 600)), whole.take(slice(1200, 1797))
    strategy = replace(METHODS["fedavg"](Sgd(0.2, 1, 10), Uniform(5)), compress=compress)
    return Federation(
        build, train, Iid(8)(train.y, stream(0, "p")), strategy, test, workers=0, **{"alone": 0.0, **more}
    )


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_any_number_of_workers_and_interruptions_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    asked = job(named(name, {"share": 0.05} if name in ("dgc", "top_k") else {}))
    one = asked.run(Stop(4))
    replace(asked, workers=2).run(Stop(2), tmp_path)
    other = replace(asked, workers=2).run(Stop(4), tmp_path)
    assert one.weights.digest() == other.weights.digest() and one.rounds == other.rounds


def test_bytes_up_are_those_that_are_sent() -> None:
    sizes = {name: job(made).run(Stop(2)).rounds[-1].up_bytes for name, made in COMPRESSIONS.items()}
    raw = job(None).run(Stop(2)).rounds[-1]
    assert raw.up_bytes == raw.down_bytes == 5 * 4 * SIZE
    assert raw.up_bytes < sizes["none"] < raw.up_bytes + 5 * 40
    assert (
        raw.up_bytes > 3.5 * sizes["even"] and raw.up_bytes > 20 * sizes["sign"] and raw.up_bytes > 100 * sizes["dgc"]
    )


def test_it_learns_with_a_tenth_of_the_weights() -> None:
    raw, few = (job(made).run(Stop(20, every=20)) for made in (None, named("top_k", {"share": 0.1})))
    assert (few.rounds[-1].accuracy or 0.0) > (raw.rounds[-1].accuracy or 0.0) - 0.05 > 0.7


def test_stopping_where_somebody_says_so_leaves_a_checkpoint(tmp_path: Path) -> None:
    asked, whole = job(named("dgc", {"share": 0.05})), job(named("dgc", {"share": 0.05})).run(Stop(7, every=3))
    halt: Callable[[Any], bool] = lambda played: played.number == 4  # noqa: E731  between two judgements
    broken = asked.run(Stop(7, every=3), tmp_path, halt)
    assert broken.why == "stopped" and len(broken.rounds) == 4
    resumed = asked.run(Stop(7, every=3), tmp_path)
    assert resumed.weights.digest() == whole.weights.digest() and resumed.rounds == whole.rounds


FILE = """
workers = 0
[data]
source = "project"
path = "p"
[clients]
clients = 3
[method]
rate = 0.1
[model]
hidden = [4]
[compress]
{compress}
[stop]
rounds = 2
"""


def test_a_file_names_a_compression_and_the_users_own_function_gives_the_data(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "data.py").write_text(PROJECT, "utf-8")
    (tmp_path / "p" / "model.py").write_text("def build(): ...\n", "utf-8")
    file = tmp_path / "job.toml"
    file.write_text(FILE.format(compress='name = "dgc"\nshare = 0.1\nwarm = 2\nclip = 3.0\ndeflate = false'), "utf-8")
    made, stop = read_train(file)
    assert made.strategy.compress == Compress(TopK(0.1, 2), memory=Dgc(0.9, 3.0), deflate=False)
    assert len(made.train) == 60 and made.run(stop).rounds[-1].accuracy is not None
    for wrong, why in (
        ('name = "dgcc"', "did you mean 'dgc'"),
        ('name = "sign"\nshare = 0.1', "unknown key 'share'"),
        ('name = "dgc"\nfeedback = 1', "true or false"),
        ('name = "qsgd"\nbits = 5', "choose one"),
    ):
        file.write_text(FILE.format(compress=wrong), "utf-8")
        with pytest.raises(ConfigError, match=why):
            read_train(file)


def test_private_examples_need_noise_or_a_consent_when_it_is_built() -> None:
    with pytest.raises(ConfigError, match="may not leave its clients as it is"):
        job(None, Tier.USER)
    assert job(None, Tier.USER, consent=Consent("ada", "a study")).consent is not None
    public = job(named("even"))
    noisy = replace(METHODS["fedadam"](Sgd(0.1)), prepare=(Noise(1.0, 0.5),), compress=named("even"))
    private = replace(public.train, tier=Tier.USER)
    assert replace(public, train=private, strategy=noisy).run(Stop(1)).rounds[0].up_bytes < 5 * 2 * SIZE
