"""pfl's simulation; two of these processes, joined by torch.distributed, share a cohort."""

from __future__ import annotations

import os
import sys

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.hyperparam import NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel
from task import Task

torch.set_num_threads(1)


class Learner(torch.nn.Module):
    """The task's model as pfl wants it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)

    def loss(self, x, y, eval=False):
        return torch.nn.functional.cross_entropy(self(x), y)

    def metrics(self, x, y, eval=False):
        return {"loss": Weighted(0.0, len(x))}


class Lap(TrainingProcessCallback):
    """Notes when a round is over."""

    def __init__(self, task):
        self.task = task

    def after_central_iteration(self, aggregate_metrics, model, *, central_iteration):
        self.task.lap()
        return False, Metrics()


def main():
    task = Task()
    torch.manual_seed(task.begin)
    rng = np.random.default_rng(task.seed)

    def user(client):
        rows = task.rows(client)
        return Dataset((torch.from_numpy(task.x[rows]), torch.from_numpy(task.y[rows])), user_id=str(client))

    def sampler():
        return int(rng.integers(task.clients))

    data = FederatedDataset(user, sampler)
    inner = Learner(task.build())
    model = PyTorchModel(
        inner, local_optimizer_create=torch.optim.SGD, central_optimizer=torch.optim.SGD(inner.parameters(), 1.0)
    )
    backend = SimulatedBackend(training_data=data, val_data=None)
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=task.rounds, evaluation_frequency=10**9, train_cohort_size=task.cohort,
            val_cohort_size=0,
        ),
        backend,
        model,
        NNTrainHyperParams(local_num_epochs=1, local_learning_rate=task.rate, local_batch_size=task.batch),
        NNTrainHyperParams(local_num_epochs=1, local_learning_rate=task.rate, local_batch_size=task.batch),
        callbacks=[Lap(task)],
    )  # fmt: skip
    if int(os.environ.get("RANK", "0")) == 0:
        task.report(task.accuracy(inner.inner))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
