"""Early exits with a stated risk: accuracy, share and speed of networks with exits against the same trunks without."""

from __future__ import annotations

from typing import Any

from .exits_data import parts
from .exits_nets import Recipe
from .exits_risk import kept
from .exits_rows import Measured, accuracy, bars, measure, plain, prefixed, row

Result = dict[str, Any]
SEEDS = 3
LENET = Recipe("exits_lenet", "build", 8, (0.6, 1.0))
PUBLISHED = Recipe("exits_lenet", "published", 6, (0.6, 1.0))
SMALL = tuple(Recipe("exits_lenet", "small", 6, argument=size) for size in ("m", "l"))
ALEXNET = Recipe("exits_alexnet", "build", 10, (0.3, 0.5, 1.0))
ALONE = Recipe("exits_alexnet", "trunk", 10)  # the trunk as it learns without exits
DIGITS = Recipe("exits_lenet", "build", 20, (0.6, 1.0), 0.5)
RISKS = {"mnist": 0.002, "cifar10": 0.02, "digits": 0.015}  # of an early answer that is wrong where the last is right
ACCURACY, SHARE, SPEEDUP, OF_CEILING = 0.9925, 0.943, 2.0, 0.90
ALEXNET_LOSS, ALEXNET_SPEEDUP = 0.003, 1.3
ROUNDS, TIMED = 15, 2000  # turns of the race, and samples in each


def run(quick: bool, seed: int) -> Result:
    """LeNet on MNIST and an AlexNet on CIFAR-10-JPEG over seeds; quick: a narrow LeNet on bundled digits.

    Networks are trained once and kept in a cache. Raises NotFound without the data, or outside a checkout.
    """
    rows = _quick(seed) if quick else [*_lenet(seed), *_alexnet(seed)]
    return {"rows": rows, "ok": all(one.get("ok") is not False for one in rows)}


def _quick(seed: int) -> list[Result]:
    """Equalities, and ratios that hold on a busy machine."""
    data = parts("digits", seed)
    made = measure(DIGITS, data, RISKS["digits"], seed, rounds=4, timed=200)
    rows = [
        row("answers that differ from the table's", made.differ, "0", made.differ == 0),
        row("stages against the module, largest difference", made.apart, "<= 1e-4", made.apart <= 1e-4),
        *_common(made),
        row("speed-up over the trunk alone", made.raced.speedup, "> 1", made.raced.speedup > 1.0),
        row("of the ceiling", made.of_ceiling, ">= 0.7", made.of_ceiling >= 0.7),
    ]
    return prefixed("LeNet x 0.5, digits", [*rows, *kept(made.held, made.tested, RISKS["digits"], seed)])


def _lenet(seed: int) -> list[Result]:
    data, risk = parts("mnist", seed), RISKS["mnist"]
    made = measure(LENET, data, risk, seed, ROUNDS, TIMED)
    first = made.shares[0]
    rows = [
        row("accuracy", made.accuracy, f">= {ACCURACY:g}", made.accuracy >= ACCURACY),
        row("share that leaves at the first exit", first, f">= {SHARE:g}", first >= SHARE),
        row("speed-up over the trunk alone", made.raced.speedup, f">= {SPEEDUP:g}", made.raced.speedup >= SPEEDUP),
        row("of the ceiling", made.of_ceiling, f">= {OF_CEILING:g}", made.of_ceiling >= OF_CEILING),
        *_common(made),
        *kept(made.held, made.tested, risk, seed),
    ]
    own = measure(PUBLISHED, data, risk, seed, ROUNDS, TIMED)
    published = [
        row("accuracy", own.accuracy),
        row("share that leaves at the first exit", own.shares[0]),
        row("speed-up over the trunk alone", own.raced.speedup),
        row("of the ceiling", own.of_ceiling),
        *_common(own),
        row("published: accuracy of its notebook (2.79 to 0.56 ms by Chainer on a CPU)", 0.9925),
        row("published: share at the first exit", 0.9395),
        row("published: speed-up of the notebook, of the paper", "4.96, 5.4"),
    ]
    whole = f"LeNet-5 x 4, MNIST, risk {risk:g}"
    return [
        *prefixed(whole, rows),
        *prefixed("BranchyNet's LeNet, MNIST", published),
        *prefixed("plain int8, MNIST", plain(made, [*SMALL, LENET], data, seed)),
    ]


def _alexnet(seed: int) -> list[Result]:
    rows: list[Result] = []
    every: list[Measured] = []
    for one in range(seed, seed + SEEDS):
        data = parts("cifar10", one)
        made = measure(ALEXNET, data, RISKS["cifar10"], one, ROUNDS, TIMED // 2)
        every.append(made)
        own = [
            row("accuracy", made.accuracy),
            row("speed-up over the trunk alone", made.raced.speedup),
            row("of the ceiling", made.of_ceiling),
            row("shares per exit", ", ".join(f"{share:.3f}" for share in made.shares)),
            *_common(made),
            *kept(made.held, made.tested, RISKS["cifar10"], one),
        ]
        if one == seed:
            own.append(row("accuracy of the trunk that learnt without exits", accuracy(ALONE, data, one)))
        rows += prefixed(f"AlexNet-like, CIFAR-10-JPEG, seed {one}", own)
    return [*rows, *prefixed("AlexNet-like, CIFAR-10-JPEG, mean", bars(every, ALEXNET_LOSS, ALEXNET_SPEEDUP))]


def _common(made: Measured) -> list[Result]:
    raced = made.raced
    times = (raced.full_s, raced.exits_s, raced.first_s)
    return [
        row("accuracy of each exit for all", ", ".join(f"{one:.4f}" for one in made.each)),
        row("lost to early answers", made.lost),
        row("thresholds", ", ".join(f"{one:.4f}" for one in made.thresholds)),
        row("MACs of the trunk over mean MACs", made.mac_ratio),
        row("us: trunk alone, with exits, first stage", ", ".join(f"{1e6 * one:.1f}" for one in times)),
        row("ceiling", raced.ceiling),
    ]
