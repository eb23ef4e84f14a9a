"""Four federated methods as plain torch loops, each line as its paper says; slow, and nothing of ganglion is in it."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters


def gradient(model, w, x, y):
    """Of the mean cross entropy at w, as one vector."""
    vector_to_parameters(w, model.parameters())
    model.zero_grad()
    cross_entropy(model(x), y).backward()
    return parameters_to_vector(p.grad for p in model.parameters())


def right(model, w, x, y):
    """Share of examples."""
    vector_to_parameters(w, model.parameters())
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in x.split(500)])
    return float((found == y).float().mean())


def play(method, build, train, parts, test, rate, batch, epochs, rounds, seed, judged, mu=0.01):
    """Accuracy after each round in `judged`; everybody takes part in every round."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng, model = np.random.default_rng(seed), build()
    x, y, tx, ty = (torch.from_numpy(one) for one in (*train, *test))
    w = parameters_to_vector(model.parameters()).detach().clone()
    c, own, found = torch.zeros_like(w), [torch.zeros_like(w) for _ in parts], []
    share = [len(part) / sum(map(len, parts)) for part in parts]
    for number in range(1, rounds + 1):
        changes, taus, moved = [], [], []
        for k, part in enumerate(parts):
            v, steps = w.clone(), 0
            for _ in range(epochs):
                for rows in np.array_split(rng.permutation(part), np.arange(batch, len(part), batch)):
                    g = gradient(model, v.clone(), x[rows], y[rows])
                    if method == "fedprox":
                        g = g + mu * (v - w)
                    if method == "scaffold":
                        g = g - own[k] + c
                    v, steps = v - rate * g, steps + 1
            changes.append(v - w)
            taus.append(steps)
            if method == "scaffold":
                new = own[k] - c + (w - v) / (steps * rate)
                moved.append(new - own[k])
                own[k] = new
        if method == "scaffold":
            w, c = w + sum(changes) / len(parts), c + sum(moved) / len(parts)
        elif method == "fednova":
            tau = sum(p * t for p, t in zip(share, taus, strict=True))
            w = w + tau * sum(p * d / t for p, d, t in zip(share, changes, taus, strict=True))
        else:
            w = w + sum(p * d for p, d in zip(share, changes, strict=True))
        if number in judged:
            found.append(right(model, w.clone(), tx, ty))
    return found
