"""What may leave a site: one table says how far data of a tier travels, and one act, which is logged, lowers a tier.

Needs numpy alone.
"""

from __future__ import annotations

import numpy as np

from ganglion.core.errors import Refused
from ganglion.core.gate import denial
from ganglion.core.label import Form, Label, Tier, Zone, may_enter
from ganglion.core.ref import Ref
from ganglion.core.tensors import Tensors
from ganglion.core.update import Counted, Update
from ganglion.protect import Consent, Noise, declassify, generator

SECRET = bytes(range(32))  # a real node asks its world for one: `Rng.secret(32)`


def main() -> None:
    """The table, a refusal at the gate, and two ways to lower a label."""
    print("the farthest zone that a form of data may enter")
    for tier in Tier:
        reach = (max(zone for zone in Zone if may_enter(Label(tier, form), zone)) for form in Form)
        print(
            f"  {tier.name.lower():8}",
            *(f"{form.name.lower()}: {zone.name.lower():7}" for form, zone in zip(Form, reach, strict=True)),
        )

    learnt = Update(Tensors.of({"w": np.full(1000, 0.01)}), weight=300.0, tier=Tier.EDGE)
    message = Counted(Ref("0" * 64, 4000, Label(learnt.tier, Form.UPDATE)), learnt.weight)
    print(f"\nat the gate to the cloud: {denial(message, Zone.CLOUD)}")

    for mechanism in (None, Consent("owner of the site", "improve the shared model"), Noise(clip=1.0, multiplier=2.0)):
        try:
            released, record = declassify(learnt, mechanism, generator(SECRET))
        except Refused as error:
            print(f"\nno mechanism: {error}")
            continue
        moved = (released.delta - learnt.delta).norm()
        promise = f"epsilon {record.epsilon:.2f} at delta {record.delta:g}" if record.epsilon else "it hides nothing"
        print(f"\n{record.mechanism}: now {released.tier.name.lower()}; {promise}; changed by {moved:.2f}")
        freed = Counted(Ref("1" * 64, 4000, Label(released.tier, Form.UPDATE)), released.weight)
        print(f"  at the gate to the cloud: {denial(freed, Zone.CLOUD) or 'it may pass'}")


if __name__ == "__main__":
    main()
