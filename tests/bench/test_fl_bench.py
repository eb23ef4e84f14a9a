"""The benches of federated jobs: what they count, and that they would notice what they look for."""

from __future__ import annotations

import numpy as np
import pytest

from ganglion.bench.fl_async import CLIENTS, half_normal, in_time, uplinks, who_is_asked
from ganglion.bench.fl_crash import Ledger, jobs, simulated
from ganglion.bench.fl_fleet import CLOUD, edges
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.ref import Ref
from ganglion.core.update import Counted
from ganglion.flow.round.messages import Aggregate, Assign, Terms, TrainLocally
from ganglion.flow.train.messages import Until

BASE = Ref("base", 1, PUBLIC_UPDATE)


def summed(number: int, *digests: str) -> Aggregate:
    updates = tuple(
        (NodeId(f"n{place}"), Counted(Ref(name, 1, PUBLIC_UPDATE), 1.0)) for place, name in enumerate(digests)
    )
    return Aggregate(number, BASE, updates, Terms(1))


def test_an_update_in_two_sums_is_noticed() -> None:
    node, ledger = edges(1).node(CLOUD), Ledger()
    ledger.cost(summed(1, "a", "b"), node)
    ledger.cost(summed(1, "a", "b"), node)
    assert ledger.twice == 0 and ledger.wrong == []
    ledger.cost(summed(2, "a", "c"), node)
    assert ledger.twice == 1


def test_a_sum_that_is_another_one_after_a_crash_is_noticed() -> None:
    node, ledger = edges(1).node(CLOUD), Ledger()
    ledger.cost(summed(1, "a", "b"), node)
    ledger.cost(summed(1, "a", "c"), node)
    assert ledger.wrong == ["cloud adds something else for round 1 than before"]


@pytest.mark.parametrize("name", ["rounds", "rounds over two levels", "without rounds"])
def test_a_few_kills_of_each_kind_of_job(name: str) -> None:
    row = simulated(name, *jobs()[name], 4, 100)
    assert (row["kills"], row["resumed"], row["twice"], row["ok"]) == (4, 1, 0, True), row


def test_delays_are_half_normal_and_those_of_a_task_alone() -> None:
    node, cost = edges(1).nodes[1], half_normal(3)
    asked = [TrainLocally(number, BASE, Terms(1), None, None, None) for number in range(400)]
    delays = np.array([cost(one, node) for one in asked]) - 1.0
    assert delays.min() > 0.0 and np.mean(delays) == pytest.approx(30.0 * np.sqrt(2 / np.pi), rel=0.1)
    assert cost(asked[5], node) == delays[5] + 1.0
    assert cost(Assign(1, BASE, Terms(1)), node) < 1.0


def test_oort_is_sooner_and_fed_cs_counts_more() -> None:
    traces, _ = uplinks()
    assert len(traces) == CLIENTS
    assert who_is_asked(0, Until(60, 0.81), traces)["ratio"] < 1.0
    row = in_time(1, 12, traces)
    assert 0.0 < row["plain"] < row["its"] <= 10.0
