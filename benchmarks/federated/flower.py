"""Flower's simulation in its best set-up on two cores: two Ray actors of one CPU and one torch thread each."""

from __future__ import annotations

import os

os.environ |= {"FLWR_TELEMETRY_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "OMP_NUM_THREADS": "1"}

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from task import Task
from torch.nn.functional import cross_entropy

task = Task()
client_app, server_app = ClientApp(), ServerApp()
held: dict[str, object] = {}


@client_app.train()
def train(message: Message, context: Context) -> Message:
    """A client's epoch."""
    torch.set_num_threads(1)
    model = task.build()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    client = int(context.node_config["partition-id"])
    number = int(message.content["config"]["server-round"])
    x, y = torch.from_numpy(task.x[task.rows(client)]), torch.from_numpy(task.y[task.rows(client)])
    loop = torch.optim.SGD(model.parameters(), task.rate)
    model.train()
    order = torch.from_numpy(np.random.default_rng([task.seed, number, client]).permutation(len(y)))
    for rows in torch.split(order, task.batch):
        loop.zero_grad()
        cross_entropy(model(x[rows]), y[rows]).backward()
        loop.step()
    content = {"arrays": ArrayRecord(model.state_dict()), "metrics": MetricRecord({"num-examples": len(y)})}
    return Message(content=RecordDict(content), reply_to=message)


class Timed(FedAvg):
    """Notes when a round's updates are one."""

    def aggregate_train(self, server_round, replies):
        found = super().aggregate_train(server_round, replies)
        task.lap()
        return found


@server_app.main()
def main(grid: Grid, context: Context) -> None:
    """All rounds."""
    torch.manual_seed(task.begin)
    model = task.build()
    strategy = Timed(
        fraction_train=task.cohort / task.clients, fraction_evaluate=0.0, min_available_nodes=task.clients,
        min_train_nodes=task.cohort,
    )  # fmt: skip
    done = strategy.start(
        grid=grid, initial_arrays=ArrayRecord(model.state_dict()), num_rounds=task.rounds, train_config=ConfigRecord({})
    )
    model.load_state_dict(done.arrays.to_torch_state_dict())
    held["accuracy"] = task.accuracy(model)


if __name__ == "__main__":
    backend = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"num_cpus": 2}}
    run_simulation(server_app, client_app, task.clients, backend_config=backend)
    task.report(held["accuracy"])
