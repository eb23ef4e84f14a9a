"""A project is found by its folder, and what is wrong with it is named with the file and the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganglion.core.compute import Adam, Sgd
from ganglion.core.errors import ConfigError, NotFound
from ganglion.core.label import Tier
from ganglion.project import Loaded, resolve

MODEL = '''
"""A model."""
from .shapes import WIDE
from torch import nn

def build():
    return nn.Linear(WIDE, 2)
'''
SHAPES = "WIDE = 3\n"
DATA = '''
"""Data."""
import numpy as np
from .shapes import WIDE

CLASSES = ("no", "yes")
SCALE = 1 / 255

def examples(part):
    return np.full((4, WIDE), 255, np.uint8), np.array([0, 1, 0, 1])

def stream(node):
    return np.zeros((2, WIDE), np.uint8), np.array([0, 1]), ["public", "user"]
'''
JOB = """
[train]
optimizer = "sgd"
rate = 0.1
epochs = 3
exits = [0.5, 1]

[goal]
risk = 0.1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small project that works."""
    for name, text in (("model.py", MODEL), ("data.py", DATA), ("shapes.py", SHAPES), ("job.toml", JOB)):
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def edited(folder: Path, name: str, old: str, new: str) -> Loaded:
    """The project with a file changed, found again."""
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")
    return resolve(str(folder))


def test_a_folder_is_a_project(folder: Path) -> None:
    found = resolve(str(folder))
    examples = found.project.examples("train")
    assert (examples.x.dtype.name, examples.y.dtype.name, examples.tier) == ("float32", "int64", Tier.PUBLIC)
    assert examples.x == pytest.approx(1.0)
    assert (found.project.names, found.project.classes) == (("no", "yes"), 2)
    readings = found.streams("any")["stream"]
    assert readings.x.dtype == np.uint8
    assert readings.tiers.tolist() == [Tier.PUBLIC, Tier.USER]
    torch = pytest.importorskip("torch")
    assert found.build()(torch.zeros(1, 3)).shape == (1, 2)


def test_the_job_says_how_to_train(folder: Path) -> None:
    found = resolve(str(folder))
    assert found.project.fresh.how == Sgd(0.1, epochs=3)
    assert found.project.fresh.loss.exits == (0.5, 1.0)
    assert found.project.transfer == found.project.fresh
    assert found.goal.risk == 0.1
    (folder / "job.toml").unlink()
    assert isinstance(resolve(str(folder)).project.fresh.how, Adam)


def test_finding_a_project_loads_no_torch_and_leaves_the_path_alone(folder: Path) -> None:
    code = f"import sys; before = list(sys.path); from ganglion.project import resolve; p = resolve({str(folder)!r}); "
    code += "p.project.examples('train'); assert 'torch' not in sys.modules; assert sys.path == before"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_two_projects_do_not_meet(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in ("model.py", "data.py"):
        (other / name).write_text((folder / name).read_text("utf-8"), "utf-8")
    (other / "shapes.py").write_text("WIDE = 5\n", "utf-8")
    assert resolve(str(folder)).project.examples("train").x.shape == (4, 3)
    assert resolve(str(other)).project.examples("train").x.shape == (4, 5)


def test_a_package_s_function_is_a_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = folder.parent / "a_package_of_tests"
    inside.mkdir()
    for name in ("model.py", "data.py", "shapes.py", "job.toml"):
        (inside / name).write_text((folder / name).read_text("utf-8"), "utf-8")
    (inside / "__init__.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    found = resolve("a_package_of_tests.model:build")
    assert found.project.examples("test").x.shape == (4, 3)
    assert found.goal.risk == 0.1
    with pytest.raises(ConfigError, match="no function bulid"):
        resolve("a_package_of_tests.model:bulid")


@pytest.mark.parametrize(
    "spec", ["no_such_folder", "no_such_package.model:build", "model:build", "ganglion.core:build"]
)
def test_what_is_not_there_is_not_found(spec: str) -> None:
    with pytest.raises(NotFound, match=r"; "):
        resolve(spec)


@pytest.mark.parametrize("name", ["model.py", "data.py"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NotFound, match=f"no {name}"):
        resolve(str(folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("model.py", "def build", "def make", "no function build.*define"),
        ("data.py", "import numpy as np", "import nmupy as np", "imports nmupy.*install nmupy"),
        ("data.py", "from .shapes", "from shapes", r"imports shapes.*write `from .shapes import …`"),
        ("data.py", "import numpy as np", "import numpy as np\n1 / 0", "ZeroDivisionError.*correct it there"),
        ("data.py", "import numpy as np", "import numpy as", "cannot be imported: SyntaxError"),
        ("data.py", "SCALE = 1 / 255", "SCALE = 0", "SCALE = 0 .*above 0"),
        ("data.py", 'CLASSES = ("no", "yes")', 'CLASSES = ("no",)', "CLASSES = .*two or more"),
        ("data.py", 'CLASSES = ("no", "yes")', "", "CLASSES = None.*two or more"),
        ("job.toml", "rate = 0.1", "rate = 0", r"rate = 0 in .*job.toml \[train\]"),
        ("job.toml", "rate = 0.1", "rates = 0.1", "did you mean 'rate'"),
        ("job.toml", '"sgd"', '"sdg"', "did you mean 'sgd'"),
        ("job.toml", "rate = 0.1", "", "has no rate"),
        ("job.toml", "exits = [0.5, 1]", "exits = 1", "must be a list of numbers"),
        ("job.toml", "exits = [0.5, 1]", "exits = [0.5, -1]", "exits = -1 .*between 0"),
        ("job.toml", "[goal]", "[gaol]", "did you mean 'goal'"),
        ("job.toml", "risk = 0.1", "risk = 2", "between 0 and 1"),
    ],
)
def test_what_is_wrong_is_said_at_once(folder: Path, name: str, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        edited(folder, name, old, new)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def examples(part)", "def exmaples(part)", "no function examples"),
        ("np.array([0, 1, 0, 1])\n", "np.array([0, 1, 0])\n", "y must be 4 class numbers"),
        ("np.array([0, 1, 0, 1])\n", "np.array([0, 1, 0, 2])\n", "classes are 0 to 1"),
        ("np.array([0, 1, 0, 1])\n", "np.array([0., 1, 0, 1])\n", "convert it to integers"),
        ("np.uint8), np.array([0, 1, 0", "np.int32), np.array([0, 1, 0", "uint8 or of finite floats"),
        ("np.full((4, WIDE), 255, np.uint8)", "np.full((4, WIDE), np.nan)", "uint8 or of finite floats"),
        ("np.full((4, WIDE), 255, np.uint8)", "np.full(4, 255, np.uint8)", r"x must be \[n"),
        ("SCALE = 1 / 255", "", "add SCALE = 1 / 255"),
        ("return np.full((4, WIDE), 255, np.uint8), ", "return ", r"gave no \(x, y\)"),
        ("return np.full((4, WIDE), 255, np.uint8)", "return open(part)", "FileNotFoundError"),
        ("np.array([0, 1, 0, 1])", "np.array([0, 1, 0, 1])[:0]", "y must be 4"),
    ],
)
def test_what_is_wrong_with_examples_is_named(folder: Path, old: str, new: str, said: str) -> None:
    found = edited(folder, "data.py", old, new)
    with pytest.raises(ConfigError, match=said) as caught:
        found.project.examples("train")
    assert "data.py" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (', ["public", "user"]', "", r"gave no \(x, y, tiers\)"),
        ('["public", "user"]', '["public"]', "one per sample"),
        ('["public", "user"]', '["public", "secret"]', "each of public, derived, edge, user"),
        ('["public", "user"]', "[0, 9]", "each of public"),
    ],
)
def test_what_is_wrong_with_a_stream_is_named(folder: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        edited(folder, "data.py", old, new).streams("a1")


def test_a_stream_may_have_several_sources(folder: Path) -> None:
    both = 'return {name: (np.zeros((1, 3), np.uint8), np.array([1]), [0]) for name in ("day", "night")}\n    return'
    found = edited(
        folder, "data.py", 'return np.zeros((2, WIDE), np.uint8), np.array([0, 1]), ["public", "user"]', both
    )
    assert sorted(found.streams("a1")) == ["day", "night"]


def test_an_own_metric_is_used(folder: Path) -> None:
    y, said = np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])
    own = edited(folder, "data.py", "SCALE", "def score(y, predicted):\n    return (y * predicted).sum()\n\nSCALE")
    assert own.project.score(y, said) == 2.0


def test_without_a_metric_accuracy_is_used(folder: Path) -> None:
    assert resolve(str(folder)).project.score(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])) == 0.75


def test_a_metric_that_gives_no_number_is_named(folder: Path) -> None:
    found = edited(folder, "data.py", "SCALE", "def score(y, predicted):\n    return 'good'\n\nSCALE")
    with pytest.raises(ConfigError, match="it must give a number"):
        found.project.score(np.array([1]), np.array([1]))


def test_a_model_that_is_none_is_named(folder: Path) -> None:
    found = edited(folder, "model.py", "return nn.Linear(WIDE, 2)", "return 3")
    with pytest.raises(ConfigError, match=r"gave a int: it must be a torch\.nn\.Module"):
        found.build()


def test_an_unknown_part_is_set_right(folder: Path) -> None:
    with pytest.raises(NotFound, match="did you mean 'train'"):
        resolve(str(folder)).project.examples("trian")


def test_its_digest_follows_its_code(folder: Path) -> None:
    before = resolve(str(folder)).digest
    (folder / "notes.txt").write_text("not code", "utf-8")
    assert resolve(str(folder)).digest == before
    (folder / "shapes.py").write_text("WIDE = 4\n", "utf-8")
    assert resolve(str(folder)).digest != before
