"""Each flow's table of work covers exactly what the flow asks for, and every body can be encoded."""

from __future__ import annotations

import ast
import inspect

import pytest

from ganglion.node.bodies import all_bodies, make_codec
from ganglion.node.places import PLACES
from ganglion.node.runs import Runs

RUNS = {runs.flow: runs for place in PLACES.values() for runs in place}


def asked(flow: type) -> set[str]:
    """The classes of work that a flow constructs inside `Do(…)`."""
    names: set[str] = set()
    tree = ast.parse(inspect.getsource(inspect.getmodule(flow)))  # type: ignore[arg-type]
    body = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == flow.__name__)
    bound = {
        target.id: node.value.func.id
        for node in ast.walk(body)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(body):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Do":
            work = node.args[1]
            if isinstance(work, ast.Call) and isinstance(work.func, ast.Name):
                names.add(work.func.id)
            elif isinstance(work, ast.Name):
                names.add(bound[work.id])
    return names


@pytest.mark.parametrize("runs", RUNS.values(), ids=lambda runs: runs.flow.__name__)
def test_a_table_covers_exactly_what_its_flow_asks_for(runs: Runs) -> None:
    assert {kind.__name__ for kind in runs.work} == asked(runs.flow)


def test_every_body_has_a_name_of_its_own() -> None:
    assert len(make_codec().names) == len(set(all_bodies()))
