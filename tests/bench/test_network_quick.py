"""The network bench: every profile reconciles on the virtual clock; its live half is slow."""

from __future__ import annotations

import pytest

from ganglion.bench.network import PROFILES, Profile, live, simulated
from ganglion.bench.survive_fleet import LTE
from ganglion.core.fleet import Link


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: one.name.split(":")[0])
def test_what_was_sent_is_what_came(profile: Profile) -> None:
    row = simulated(Profile(profile.name, profile.uplink, profile.on_s / 10, profile.off_s / 10, 2), 0.5, 3)
    assert row["ok"] and row["sent"] == row["received"] > 20 and row["unknown"] == row["twice"] == 0


def test_what_is_sent_again_over_a_bad_line_is_counted() -> None:
    bad = Profile("bad", Link("bad", 1e6, 1e6, 0.1, loss=0.3), 60.0, 0.0)
    assert simulated(bad, 1.0, 3)["resent"] > 5 and simulated(bad, 1.0, 3)["ok"]


def test_a_slow_line_is_not_filled_with_what_is_under_way() -> None:
    """Samples of 100 kB over 56 kbit/s: what was sent is not sent again while it is still on its way."""
    slow = Profile("slow", Link("slow", 7e3, 7e3, 0.2), 60.0, 0.0)
    row = simulated(slow, 0.3, 3)
    assert row["ok"] and row["resent"] <= row["received"] // 4


@pytest.mark.live
@pytest.mark.slow
def test_live_reconciles_too() -> None:
    assert live(Profile("short", LTE, 40.0, 40.0), 7)["ok"]
