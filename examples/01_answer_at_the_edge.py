"""A model with two exits is trained, cut and served: a device answers what it is sure of, an edge takes the rest.

Runs in seconds; needs `ganglion[train]`. Serving itself is ONNX Runtime alone.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from torch import Tensor, nn

from ganglion.core.blob import examples_to_bytes
from ganglion.core.compute import Adam, CrossEntropy, Export, Fit, Initial
from ganglion.core.label import PUBLIC_RAW, Tier
from ganglion.core.ref import Ref, digest_of
from ganglion.core.sample import Examples
from ganglion.engine.onnx import OnnxRunner
from ganglion.engine.torch import TorchEngine
from ganglion.infer.exit import Confidence


class Net(nn.Module):
    """A small layer answers at the device, a larger one behind it at the edge."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.near_exit = nn.Sequential(nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10)
        self.far, self.far_exit = nn.Sequential(nn.Linear(32, 256), nn.ReLU()), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both exits."""
        near = self.near(x)
        return self.near_exit(near), self.far_exit(self.far(near))


def main() -> None:
    """Train on 1,200 digits, serve 500 others."""
    images, labels = load_digits(return_X_y=True)
    x, y = (images / 16).astype(np.float32), labels.astype(np.int64)
    stored = examples_to_bytes(Examples(x[:1200], y[:1200], Tier.PUBLIC))
    data = Ref(digest_of(stored), len(stored), PUBLIC_RAW)

    engine = TorchEngine(Net, read=lambda ref: stored)
    start = engine.answer(Initial(("start",)))
    loss = CrossEntropy(exits=(0.5, 1.0))
    trained = engine.answer(Fit(start, (data,), Adam(0.01, epochs=30), ("train",), loss))
    exported = engine.answer(Export(trained.weights, (1.0, 1.0), int8=True, calibration=(data,)))
    graphs = {(first, last): graph for first, last, graph in exported.graphs}

    runner, sure = OnnxRunner(), Confidence(threshold=0.9)
    device, edge = runner.load(graphs[0, 1], exported.weights), runner.load(graphs[1, 2], exported.weights)
    near, boundary = device(x[1200:1700])
    here = sure(near)
    (far,) = edge(boundary[~here])  # only the tensor at the cut travels, and only for samples that are not sure

    said = near.argmax(-1)
    said[~here] = far.argmax(-1)
    right = said == y[1200:1700]
    print(f"{here.mean():.0%} answered at the device, {right[here].mean():.1%} of those right")
    print(f"{(~here).mean():.0%} asked at the edge, with {boundary[0].nbytes} bytes instead of {x[0].nbytes} each")
    print(f"all together: {right.mean():.1%} right; the device alone: {(near.argmax(-1) == y[1200:1700]).mean():.1%}")


if __name__ == "__main__":
    main()
