"""The strongest plain loop: torch.optim on one module, two processes of one thread, sums by each process."""

from __future__ import annotations

import multiprocessing as mp

import numpy as np
import torch
from task import Task
from torch.nn.functional import cross_entropy


def learn(task, model, start, clients, number):
    """The sum of what clients learn, each from `start`."""
    total = torch.zeros_like(start)
    for client in clients:
        torch.nn.utils.vector_to_parameters(start.clone(), model.parameters())
        model.train()
        loop = torch.optim.SGD(model.parameters(), task.rate)
        x, y = torch.from_numpy(task.x[task.rows(client)]), torch.from_numpy(task.y[task.rows(client)])
        order = torch.from_numpy(np.random.default_rng([task.seed, number, client]).permutation(len(y)))
        for rows in torch.split(order, task.batch):
            loop.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            loop.step()
        total += torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    return total


def serve(task, pipe, room):
    """A worker: (number, clients) in, its sum in shared memory out."""
    torch.set_num_threads(1)
    model = task.build()
    while (asked := pipe.recv()) is not None:
        number, clients = asked
        room[1].copy_(learn(task, model, room[0], clients, number))
        pipe.send(True)


def main():
    task = Task()
    torch.set_num_threads(1)
    torch.manual_seed(task.begin)
    model = task.build()
    start = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    rooms = [torch.zeros(2, len(start)).share_memory_() for _ in range(2)]
    pipes, workers = [], []
    for room in rooms:
        ours, theirs = mp.Pipe()
        workers.append(mp.get_context("fork").Process(target=serve, args=(task, theirs, room), daemon=True))
        workers[-1].start()
        pipes.append(ours)
    for number in range(task.rounds):
        chosen = np.sort(np.random.default_rng([task.seed, number]).choice(task.clients, task.cohort, replace=False))
        for pipe, room, mine in zip(pipes, rooms, np.array_split(chosen, 2), strict=True):
            room[0].copy_(start)
            pipe.send((number, mine.tolist()))
        for pipe in pipes:
            pipe.recv()
        start = sum(room[1] for room in rooms) / task.cohort
        task.lap()
    for pipe in pipes:
        pipe.send(None)
    torch.nn.utils.vector_to_parameters(start, model.parameters())
    task.report(task.accuracy(model))


if __name__ == "__main__":
    main()
