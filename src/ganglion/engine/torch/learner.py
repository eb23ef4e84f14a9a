"""Answers a batch of fits by the fastest way that is right for the model: fused for dense stacks, else one by one.

Which way is taken depends on the model and the request alone, never on the batch, so the numbers do not either.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ...core.compute import CrossEntropy, Fit, Fitted, Sgd
from ...core.errors import ConfigError, GanglionError
from ...core.rng import stream
from ...core.sample import Examples
from .arena import Arena
from .convolutions import plain_where_small
from .dense import dense_layers
from .fit import check, fit
from .fused import fused
from .layers import Stack
from .threads import one_thread
from .trace import Build

USER_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, AttributeError)  # what a project's module may raise
Outcome = Fitted | GanglionError


class Learner:
    """Trains one project's model; `fuse` off takes the way that suits every model."""

    def __init__(self, build: Build, seed: int, fuse: bool = True) -> None:
        self._build, self._seed, self._fuse = build, seed, fuse
        self._stacks: dict[tuple[int, ...], Stack | None] = {}  # by the shape of an example
        self._idle: Arena | None = None  # of a model that draws nothing while it learns: any number may use it in turn
        self._fixed: dict[str, torch.Tensor] = {}  # its counters, as they were made

    def fit_all(self, asked: Sequence[Fit], data: Sequence[Examples | GanglionError]) -> list[Outcome]:
        """The outcome of each; what is wrong with one is an error in its place."""
        found: dict[int, Outcome] = {}
        groups: dict[object, list[int]] = {}
        for at, (one, given) in enumerate(zip(asked, data, strict=True)):
            try:
                if isinstance(given, GanglionError):
                    raise given
                check(one, given)
                groups.setdefault(self._group(one, given) or at, []).append(at)
            except GanglionError as error:
                found[at] = error
        for key, places in groups.items():
            examples = [one for one in (data[at] for at in places) if isinstance(one, Examples)]
            requests = [asked[at] for at in places]
            made = [self._alone(requests[0], examples[0])] if isinstance(key, int) else self._fused(requests, examples)
            found |= dict(zip(places, made, strict=True))
        return [found[at] for at in range(len(asked))]

    def _group(self, asked: Fit, examples: Examples) -> tuple[object, ...] | None:
        """What requests must have in common to be trained at once; None where this one cannot be fused.

        Batches are as wide as the request says, unless the client has fewer examples: then its width is its own.
        """
        how = asked.how
        if not (self._fuse and isinstance(how, Sgd) and asked.loss == CrossEntropy((1.0,))):
            return None
        shape = examples.x.shape[1:]
        stack = self._stack(shape)
        if stack is None or asked.start.layout != stack.layout or not _moves(asked, stack):
            return None
        classes = stack.classes
        if int(examples.y.max()) >= classes:
            raise ConfigError(f"label {int(examples.y.max())} for a model of {classes} classes; correct data or model")
        pulls = tuple((pull.strength, pull.scale is None) for pull in asked.pulls)
        turns = math.ceil(len(examples) / how.batch) if how.cooling else 0
        return how, asked.only, pulls, asked.push is None, min(how.batch, len(examples)), turns, shape

    def _stack(self, shape: tuple[int, ...]) -> Stack | None:
        if shape not in self._stacks:
            with seeded(self._seed, "capture"):
                arena = Arena(self._build())
                layers = dense_layers(arena, shape) if arena.named else None
            self._stacks[shape] = Stack(arena.layout, layers, (True,) * len(arena.layout)) if layers else None
        return self._stacks[shape]

    def _fused(self, asked: Sequence[Fit], data: Sequence[Examples]) -> list[Outcome]:
        stack = self._stack(data[0].x.shape[1:])
        assert stack is not None  # or there would be no group
        moves = tuple(name.startswith(asked[0].only) for name, _ in stack.layout)
        try:
            with one_thread(), torch.inference_mode():
                made = fused(Stack(stack.layout, stack.layers, moves), asked, data, self._seed)
        except ConfigError as error:
            return [error] * len(asked)
        return [
            one if math.isfinite(one.loss) else _diverged(request) for one, request in zip(made, asked, strict=True)
        ]

    def _alone(self, asked: Fit, examples: Examples) -> Outcome:
        try:
            with seeded(self._seed, *asked.key, "fit"):
                if self._idle is None:
                    return self._first(asked, examples)
                for name, tensor in self._idle.module.state_dict().items():
                    if name in self._fixed:
                        tensor.copy_(self._fixed[name])
                before = torch.get_rng_state()
                with plain_where_small(self._idle, asked.how.batch):
                    made = fit(self._idle, asked, examples, self._seed)
                if torch.equal(before, torch.get_rng_state()):
                    return made
                self._idle = None  # it draws after all: what it drew has to follow from its own making
            return self._alone(asked, examples)
        except GanglionError as error:
            return error

    def _first(self, asked: Fit, examples: Examples) -> Fitted:
        """Trains a module made for this request; keeps it where nothing was drawn, for then it is as good as new."""
        arena = Arena(self._build())
        fixed = {n: t.clone() for n, t in arena.module.state_dict().items() if not t.is_floating_point()}
        before = torch.get_rng_state()
        with plain_where_small(arena, asked.how.batch):
            made = fit(arena, asked, examples, self._seed)
        if torch.equal(before, torch.get_rng_state()):
            self._idle, self._fixed = arena, fixed
        return made


def _moves(asked: Fit, stack: Stack) -> bool:
    return any(name.startswith(asked.only) for name, _ in stack.layout)


def _diverged(asked: Fit) -> ConfigError:
    return ConfigError(f"training diverged at rate {asked.how.rate}; lower the rate")


@contextmanager
def seeded(seed: int, *key: str | int) -> Iterator[None]:
    """One thread and torch's global random numbers decided by a key; both are put back as they were.

    What the project's own module raises becomes a ConfigError here.
    """
    try:
        with one_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream(seed, *key, "torch").integers(2**63)))
            yield
    except USER_ERRORS as error:
        raise ConfigError(f"the project's model failed: {type(error).__name__}: {error}") from error
