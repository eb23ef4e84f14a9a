"""The engine answers what it says it answers, the same way each time, and says so when it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ganglion.core.compute import Compute, Export, Fit, Initial, Predict, Predicted, Score
from ganglion.core.errors import ConfigError
from ganglion.core.tensors import Tensors
from ganglion.demo.project.data import Split
from ganglion.engine.torch import TorchEngine


def test_initial_weights_are_decided_by_key_and_seed(engines: dict[str, TorchEngine], builds: Any, shelf: Any) -> None:
    engine = engines["cnn"]
    before = torch.random.get_rng_state()
    one, two = engine.answer(Initial(("a", 1))), engine.answer(Initial(("a", 1)))
    assert one.digest() == two.digest()
    assert one.digest() != engine.answer(Initial(("a", 2))).digest()
    assert one.digest() != TorchEngine(builds["cnn"], shelf.read, seed=9).answer(Initial(("a", 1))).digest()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_predictions_are_the_modules_own(
    engines: dict[str, TorchEngine], weights: dict[str, Tensors], builds: Any, shelf: Any, digits: Split
) -> None:
    for name, engine in engines.items():
        module = builds[name]().eval()
        held = {key: torch.from_numpy(array.copy()) for key, array in weights[name].items()}
        module.load_state_dict(held, strict=False)
        got: Predicted = engine.answer(Predict(weights[name], (shelf.put(digits.train),)))
        with torch.no_grad():
            out = module(torch.from_numpy(digits.train.x))
        wanted = (out,) if isinstance(out, torch.Tensor) else out
        assert len(got.logits) == len(wanted)
        for one, other in zip(got.logits, wanted, strict=True):
            np.testing.assert_allclose(one, other.numpy(), atol=2e-6)


class Unheard(Compute[None]):
    """A request that came after this engine."""


def test_what_it_cannot_answer_is_refused_by_name(engines: dict[str, TorchEngine], weights: dict[str, Tensors]) -> None:
    engine = engines["mlp"]
    assert engine.answers == {Fit, Initial, Predict, Score, Export}
    with pytest.raises(ConfigError, match="cannot answer a Unheard"):
        engine.answer(Unheard())
    with pytest.raises(ConfigError, match="names no data"):
        engine.answer(Export(weights["mlp"], (1.0,), True))


class Tied(nn.Module):
    """Two layers that are one."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a


def test_shared_weights_are_refused(shelf: Any) -> None:
    with pytest.raises(ConfigError, match=r"'a\.weight' and 'b\.weight' are one and the same"):
        TorchEngine(Tied, shelf.read).answer(Initial(("a",)))
