"""The one place where a label is lowered: by a named mechanism, with a record for the audit log."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.random import Generator

from ..core.errors import Refused
from ..core.label import Tier
from ..core.update import Update
from .noise import Noise


@dataclass(frozen=True)
class Consent:
    """The owner of the data allows that what was learnt from it leaves as it is. Nothing is hidden."""

    who: str
    purpose: str


Mechanism = Noise | Consent


@dataclass(frozen=True)
class Declassification:
    """What was done to which update; for the audit log."""

    mechanism: str  # with its parameters
    epsilon: float  # 0: the mechanism has none
    delta: float
    before: str  # digest of the update that stays
    after: str  # … and of the one that may leave
    tier: int  # the Tier that it had


def declassify(
    update: Update, mechanism: Mechanism | None, rng: Generator, delta: float = 1e-5
) -> tuple[Update, Declassification]:
    """The update as a mechanism lets it leave, under tier DERIVED (public stays public), and the record of it.

    `rng` must be secret (`protect.noise.generator`). Epsilon is for this one update: whoever protects several of the
    same data adds them up with the accountant. Raises Refused without a mechanism, or with one that is not known.
    """
    match mechanism:
        case Noise():
            changed, _ = mechanism(update, rng, None)
            name = f"noise(clip={mechanism.clip:g}, multiplier={mechanism.multiplier:g})"
            spent, at = mechanism.epsilon(delta), delta
        case Consent(who, purpose) if who.strip() and purpose.strip():
            changed, name, spent, at = update, f"consent({who}: {purpose})", 0.0, 0.0
        case Consent():
            raise Refused(f"{mechanism} names nobody or no purpose; a consent needs both")
        case _:
            raise Refused(
                f"an update of tier {update.tier.name.lower()} may not leave without a mechanism; got {mechanism!r}, "
                "declare noise or a consent for this node"
            )
    record = Declassification(name, spent, at, update.delta.digest(), changed.delta.digest(), int(update.tier))
    return replace(changed, tier=min(update.tier, Tier.DERIVED)), record
