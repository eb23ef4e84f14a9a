"""Every cell of role, tier, action and place agrees with the table written by hand, and the laws notice a breach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ganglion.bench.access import TABLE, TIERS, laws, matrix
from ganglion.core.label import Form, Label, Tier, Zone, may_enter
from ganglion.protect.access import Action, Place, Role, refusal


def test_every_cell_is_as_written() -> None:
    rows = list(matrix())
    assert sum(row["cells"] for row in rows) == len(Role) * len(Action) * len(Tier) * len(Place) == 384
    assert [row["what"] for row in rows if not row["ok"]] == []
    assert len(TABLE) == len(rows) and len(TIERS) == len(Tier)


def test_the_laws_hold() -> None:
    assert [law["what"] for law in laws() if not law["ok"]] == []


def test_a_cell_that_differs_is_noticed() -> None:
    """The table is not made from the code: a row of another action does not fit."""
    got = {row["what"]: tuple(row[tier.name.lower()] for tier in TIERS) for row in matrix()}
    assert got["device query"] != TABLE["operator", "query"] != TABLE["owner", "query"]
    assert got["owner administer"] != TABLE["operator", "administer"]


@given(
    st.sampled_from(Role), st.sampled_from(Action), st.sampled_from(Tier), st.sampled_from(Place), st.sampled_from(Form)
)
def test_nobody_is_let_beyond_the_labels(role: Role, action: Action, tier: Tier, place: Place, form: Form) -> None:
    why = refusal(role, action, tier, place, form)
    if action is not Action.ADMINISTER and not may_enter(Label(tier, form), Zone(min(place, Place.CLOUD))):
        assert why
    assert "\n" not in why and why == refusal(role, action, tier, place, form)


def test_a_refusal_says_what_is_wrong() -> None:
    assert refusal(Role.OWNER, Action.READ, Tier.EDGE, Place.CONSOLE) == "raw of tier edge may not enter the console"
    assert (
        refusal(Role.OPERATOR, Action.QUERY, Tier.USER, Place.DEVICE) == "an operator may not query data of tier user"
    )
    assert refusal(Role.OWNER, Action.TRAIN, Tier.PUBLIC, Place.CONSOLE) == "an owner may not train at a console"
