"""The named methods of the literature as rows of one table: each is a combination of choices, one per slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..core.compute import Sgd
from . import step
from .aggregate import FairMean, Mean, Nova
from .client import Ditto, Judged, LocalSgd, Personal, Scaffold
from .select import Uniform
from .strategy import Select, Strategy

WHOLE = 1 << 31  # a batch that holds any client's examples

TEN = Uniform()
Method = Callable[..., Strategy]  # (how, select, …the method's own parameters)


def fedsgd(how: Sgd, select: Select = TEN) -> Strategy:
    """One step on all of a client's examples a round. Source: McMahan et al. 2017, arXiv:1602.05629."""
    return Strategy(select, LocalSgd(replace(how, epochs=1, batch=WHOLE)))


def fedavg(how: Sgd, select: Select = TEN) -> Strategy:
    """Source: McMahan et al. 2017, arXiv:1602.05629."""
    return Strategy(select, LocalSgd(how))


def fedprox(how: Sgd, select: Select = TEN, mu: float = 0.01) -> Strategy:
    """Source: Li et al. 2018, arXiv:1812.06127."""
    return Strategy(select, LocalSgd(how, proximal=mu))


def fedavgm(how: Sgd, select: Select = TEN, beta: float = 0.9, rate: float = 1.0) -> Strategy:
    """Source: Hsu et al. 2019, arXiv:1909.06335."""
    return Strategy(select, LocalSgd(how), step=step.Momentum(beta, rate))


def fedadam(how: Sgd, select: Select = TEN, rate: float = 0.01, tau: float = 1e-3) -> Strategy:
    """Source: Reddi et al. 2021, arXiv:2003.00295."""
    return Strategy(select, LocalSgd(how), aggregate=Mean(weighted=False), step=step.Adam(rate, tau=tau))


def fedyogi(how: Sgd, select: Select = TEN, rate: float = 0.01, tau: float = 1e-3) -> Strategy:
    """Source: Reddi et al. 2021, arXiv:2003.00295."""
    return Strategy(select, LocalSgd(how), aggregate=Mean(weighted=False), step=step.Yogi(rate, tau=tau))


def fedadagrad(how: Sgd, select: Select = TEN, rate: float = 0.1, tau: float = 1e-3) -> Strategy:
    """Source: Reddi et al. 2021, arXiv:2003.00295."""
    return Strategy(select, LocalSgd(how), aggregate=Mean(weighted=False), step=step.Adagrad(rate, tau=tau))


def scaffold(how: Sgd, select: Select = TEN, rate: float = 1.0) -> Strategy:
    """Source: Karimireddy et al. 2020, arXiv:1910.06378."""
    return Strategy(select, Scaffold(how), aggregate=Mean(weighted=False), step=step.Add(rate))


def fednova(how: Sgd, select: Select = TEN) -> Strategy:
    """Source: Wang et al. 2020, arXiv:2007.07481."""
    return Strategy(select, LocalSgd(how), aggregate=Nova(how.momentum))


def qfedavg(how: Sgd, select: Select = TEN, q: float = 1.0) -> Strategy:
    """Source: Li et al. 2020, arXiv:1905.10497."""
    return Strategy(select, Judged(LocalSgd(how)), aggregate=FairMean(q, how.rate))


def ditto(how: Sgd, select: Select = TEN, strength: float = 0.1) -> Strategy:
    """Source: Li et al. 2021, arXiv:2012.04221."""
    return Strategy(select, Ditto(LocalSgd(how), how, strength))


def fedper(how: Sgd, select: Select = TEN, parts: str = "head") -> Strategy:
    """`parts`: prefixes of what stays, with commas. Source: Arivazhagan et al. 2019, arXiv:1912.00818."""
    return Strategy(select, Personal(how, tuple(part.strip() for part in parts.split(","))))


def fedbn(how: Sgd, select: Select = TEN) -> Strategy:
    """Source: Li et al. 2021, arXiv:2102.07623."""
    return Strategy(select, Personal(how))


METHODS: dict[str, Method] = {
    made.__name__: made
    for made in (
        fedsgd, fedavg, fedprox, fedavgm, fedadam, fedyogi, fedadagrad, scaffold, fednova, qfedavg, ditto, fedper, fedbn
    )
}  # fmt: skip
