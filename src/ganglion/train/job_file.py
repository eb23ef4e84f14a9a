"""A federated job as a file: whose data, which model, which method, when to stop; nothing in it is guessed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import make, names
from ..config import MECHANISM, MECHANISMS, TIERS
from ..core.compute import Sgd
from ..core.errors import ConfigError
from ..core.label import Tier
from ..core.rng import stream
from ..core.sample import Examples
from ..core.table import Limits, Table
from ..learn import METHODS, Constant, Cosine, Exponential, Inverse, Strategy
from ..learn.aggregate import Mean
from ..learn.compress import COMPRESSIONS, named, parameters
from ..learn.select import Uniform
from ..project import resolve
from ..protect import Consent, Noise
from .data import Told, from_arrays, from_csv, from_folder
from .federation import Federation, Stop

COUNT: Limits = (1, 1e9)
SHARE: Limits = (0.0, 1.0)
ANY: Limits = (-1e9, 1e9)
SGD: dict[str, Limits] = {"rate": (1e-9, 1e3), "epochs": COUNT, "batch": COUNT}
SGD |= dict.fromkeys(("momentum", "decay", "cooling"), SHARE)
PARTITIONS = {"iid": "Iid", "dirichlet": "Dirichlet", "shards": "Shards", "by_owner": "ByOwner"}
RATES: dict[str, type[Any]] = {"constant": Constant, "exponential": Exponential, "inverse": Inverse, "cosine": Cosine}
TABLES = ("data", "model", "clients", "method", "compress", "declassify", "stop")
SOURCES = ("npz", "csv", "folder", "project")


def read_train(file: Path) -> tuple[Federation, Stop]:
    """A job file as what it says. Paths are from its own folder.

    Raises ConfigError and NotFound; ConfigError too for private data without a way to protect what is learnt from it.
    """
    top = Table.read(file).only("seed", "workers", *TABLES)
    seed = top.whole("seed", 0, (0, 2**53))
    told, test = _data(top.table("data"), file.parent, seed)
    clients = top.table("clients")
    parts = _partition(clients)(told.examples.y, stream(seed, "partition"), told.owner)
    strategy, consent = _declassified(top, _strategy(top.table("method"), len(parts)), told.examples.tier)
    strategy = _compressed(top.table("compress"), strategy)
    build = _build(top.table("model"), file.parent, told)
    held_out, workers = clients.number("held_out", 0.0, (0.0, 0.9)), top.whole("workers", 2, (0, 1024))
    made = Federation(build, told.examples, parts, strategy, test, held_out, seed, workers, consent=consent)
    return made, _stop(top.table("stop"))


def _data(row: Table, folder: Path, seed: int) -> tuple[Told, Examples | None]:
    row.only("source", "path", "label", "owner", "test", "tier")
    source, path = row.text("source", among=SOURCES), folder / row.text("path", ".")
    tier = TIERS[row.text("tier", "public", among=TIERS)]
    if source == "project":
        project = resolve(str(path)).project
        train = project.examples("train")
        return Told(Examples(train.x, train.y, tier), tuple(project.names)), project.examples("test")
    if source == "csv":
        told = from_csv(path, row.text("label"), row.text("owner", ""), tier)
    else:
        told = {"npz": from_arrays, "folder": from_folder}[source](path, tier)
    share = row.number("test", 0.2, (0.0, 0.9))
    order = stream(seed, "test").permutation(len(told.examples))
    cut = round(share * len(order))
    chosen = np.sort(order[cut:])
    owner = None if told.owner is None else told.owner[chosen]
    test = told.examples.take(np.sort(order[:cut])) if cut else None
    return Told(told.examples.take(chosen), told.classes, owner), test


def _partition(row: Table) -> Callable[..., Any]:
    kind = row.text("partition", "iid", among=PARTITIONS)
    made = make("learn.partition", PARTITIONS[kind])
    known = {one.name: one.default for one in fields(made)}
    row.only("partition", "held_out", *known)
    given = {name: _like(row, name, default) for name, default in known.items()}
    return replace(made, **given)  # type: ignore[no-any-return]


def _strategy(row: Table, clients: int) -> Strategy:
    name = row.text("name", "fedavg", among=METHODS)
    own = {
        key: one.default
        for key, one in inspect.signature(METHODS[name]).parameters.items()
        if key not in ("how", "select")
    }
    server = {f"server_{key}" if key == "rate" else key: key for key in own}  # the clients' rate is called rate
    row.only("name", "cohort", "aggregate", "client_rate", "server_schedule", *SGD, *server)
    how = row.into(Sgd, SGD)
    given = {key: _like(row, said, own[key]) for said, key in server.items()}
    made = METHODS[name](how, Uniform(row.whole("cohort", min(10, clients), COUNT)), **given)
    if "aggregate" in row:
        made = replace(made, aggregate=make("learn.aggregate", row.text("aggregate", among=names("learn.aggregate"))))
    return replace(made, client_rate=_rate(row.table("client_rate")), server_rate=_rate(row.table("server_schedule")))


def _rate(row: Table) -> Any:
    made = RATES[row.text("kind", "constant", among=RATES)]()
    known = {one.name: one.default for one in fields(made)}
    row.only("kind", *known)
    return replace(made, **{name: _like(row, name, default) for name, default in known.items()})


def _like(row: Table, name: str, default: Any) -> Any:
    """A value of the kind that its default has."""
    if isinstance(default, bool):
        said = row.values.get(name, default)
        if not isinstance(said, bool):
            raise row.wrong(name, "it must be true or false", "write it without quotes")
        return said
    if isinstance(default, int):
        return row.whole(name, default, (0, 1e9))
    return row.number(name, default, ANY) if isinstance(default, float) else row.text(name, default)


def _declassified(top: Table, strategy: Strategy, tier: Tier) -> tuple[Strategy, Consent | None]:
    """With what protects an update before it leaves; none is needed for what is public or protected already."""
    if "declassify" not in top:
        if tier > Tier.DERIVED:
            raise ConfigError(
                f'tier = "{tier.name.lower()}" in {top.file} [data]: what is learnt from private data may not leave '
                "its clients as it is; add [declassify] with a mechanism, noise or consent"
            )
        return strategy, None
    row = top.table("declassify")
    kind = MECHANISMS[row.text("mechanism", among=MECHANISMS)]
    made = row.only("mechanism", *(one.name for one in fields(kind))).into(kind, MECHANISM)
    if not isinstance(made, Noise):
        return strategy, made
    plain = isinstance(strategy.aggregate, Mean)
    aggregate = Mean(weighted=False) if plain else strategy.aggregate
    return replace(strategy, prepare=(made,), aggregate=aggregate), None


def _compressed(row: Table, strategy: Strategy) -> Strategy:
    """With how updates are written; without the table they are raw float32."""
    if not row.values:
        return strategy
    name, numbers = row.text("name", among=COMPRESSIONS), row.text("numbers", "")
    known = parameters(name, numbers)
    row.only("name", *known)
    given = {key: _like(row, key, known[key]) for key in row.values if key != "name"}
    return replace(strategy, compress=named(name, given))


def _build(row: Table, folder: Path, told: Told) -> Callable[[], Any]:
    row.only("project", "hidden")
    if "project" in row:
        said = row.text("project")
        return resolve(said if ":" in said else str(folder / said)).build
    hidden = row.numbers("hidden", (), COUNT) if "hidden" in row else ()
    widths = (int(np.prod(told.examples.x.shape[1:])), *(int(width) for width in hidden), max(2, len(told.classes)))

    def build() -> Any:
        from ..engine.torch.stack import stack

        return stack(widths)

    return build


def _stop(row: Table) -> Stop:
    row.only("rounds", "target", "patience", "every")
    return Stop(
        row.whole("rounds", 100, COUNT),
        row.number("target", None, SHARE) if "target" in row else None,
        row.whole("patience", None, COUNT) if "patience" in row else None,
        row.whole("every", 1, COUNT),
    )
