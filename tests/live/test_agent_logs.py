"""A node's log: one record a line, in either form, facts without what they carry, and its end on demand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ganglion.core.errors import ConfigError
from ganglion.core.facts import Activated, Answered, Drifted, Fetched
from ganglion.core.label import PUBLIC_RAW, Tier, Zone
from ganglion.core.ref import Ref
from ganglion.core.sample import Answer
from ganglion.live.logs import FOLDER, NODE, Lines, begin_log, log_fact, summary, tail

REF = Ref("ab" * 32, 10, PUBLIC_RAW)


@pytest.fixture
def root_log() -> Iterator[None]:
    """Takes away again what a test adds."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for added in [one for one in root.handlers if one not in before]:
        root.removeHandler(added)
        added.close()
    root.setLevel(level)


@pytest.mark.usefixtures("root_log")
@pytest.mark.parametrize("form", ["text", "json"])
def test_facts_are_logged_by_name_and_samples_are_not(tmp_path: Path, form: str) -> None:
    begin_log(tmp_path, "edge-1", form)
    log_fact(Activated(3, 2))
    log_fact(Answered(Answer("d/s/1", 4, 0.9, 0, Zone.DEVICE, 3, Tier.USER), 0.01, 0.9, REF))
    try:
        raise ValueError("on purpose")
    except ValueError:
        logging.getLogger("ganglion.test").exception("it failed")
    lines = (tmp_path / FOLDER / NODE).read_text("utf-8").splitlines()
    assert "Activated(counter=3, before=2)" in lines[0]
    assert not any("Answered" in line for line in lines)
    if form == "json":
        assert len(lines) == 2
        records = [msgspec.json.decode(line) for line in lines]
        assert {record["node"] for record in records} == {"edge-1"}
        assert "Traceback" in records[1]["text"] and records[1]["level"] == "ERROR"
    else:
        assert "ValueError: on purpose" in lines[-1]
    assert tail(tmp_path, 1) == lines[-1:]


def test_a_summary_names_data_and_does_not_show_it() -> None:
    assert summary(Fetched(REF)) == f"Fetched(ref={'ab' * 6})"
    assert summary(Drifted("site", "d", 17)) == "Drifted(site='site', by='d', after=17)"  # type: ignore[arg-type]
    answered = Answered(Answer("d/s/1", 4, 0.9, 0, Zone.DEVICE, 3, Tier.USER), 0.01, 0.9, REF)
    assert "y=4" not in summary(answered) and "<Answer>" in summary(answered)
    assert len(summary(Drifted("x" * 10_000, "d", 1))) < 400  # type: ignore[arg-type]


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ConfigError, match="yaml"):
        Lines("edge-1", "yaml")


def test_the_end_of_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path, 5) == []
