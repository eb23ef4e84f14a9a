"""The load bench in small: everybody is linked, everything is counted once, and a restart is survived."""

from __future__ import annotations

import pytest

from ganglion.bench.load_peers import Town, allow_files
from ganglion.core.errors import ConfigError
from ganglion.core.label import Zone

pytestmark = pytest.mark.live


def test_what_is_sent_is_taken_once_also_across_a_restart() -> None:
    with Town(Zone.CLOUD, 4) as town:
        assert sum(one["linked"] for one in town.all("dial 20")) == 4
        sent = sum(one["sent"] for one in town.all("beat 50 0.5"))
        town.all("notes 200 0.5")
        before = town.status()
        town.node.kill()
        town.start()
        done = town.all("notes 200 1.5")
        after = town.status()
    assert before["beats"] == sent > 20 and before["gaps"] == after["gaps"] == 0
    assert sum(one["sent"] for one in done) == sum(one["acked"] for one in done) == after["notes"] > before["notes"] > 0


def test_an_edge_takes_samples_of_devices() -> None:
    with Town(Zone.EDGE, 2) as town:
        assert sum(one["linked"] for one in town.all("dial 20")) == 2
        done = town.all("notes 20 0.5")
        assert town.status()["notes"] == sum(one["sent"] for one in done) > 0


def test_a_limit_that_is_too_low_is_said() -> None:
    with pytest.raises(ConfigError, match="ulimit"):
        allow_files(10**9)
