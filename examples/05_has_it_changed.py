"""Has the world changed? A detector watches how sure a model is; it needs no label. Then labels judge a new release.

Needs numpy alone: confidences are drawn here as a model's would be.
"""

from __future__ import annotations

from ganglion.core.rng import stream
from ganglion.watch import Cusum, PageHinkley, proportion

CHANGE = 400  # sample at which the sensor is turned


def main() -> None:
    """Two detectors on the same stream, then an interval on what labels say."""
    chance = stream(7, "confidences")
    known = chance.beta(20, 2, 200)  # on the calibration set; PageHinkley learns its reference from the stream
    seen = [*chance.beta(20, 2, CHANGE), *chance.beta(6, 3, 400)]
    mean, std = float(known.mean()), float(known.std())
    for detector in (Cusum(mean, std), PageHinkley()):
        alarm = next((at for at, value in enumerate(seen) if detector.update(float(value))), None)
        name = type(detector).__name__
        print(f"{name}: no alarm" if alarm is None else f"{name}: alarm {alarm - CHANGE} samples after the change")

    right = int((chance.random(300) < 0.72).sum())
    found = proportion(right, 300)
    print(
        f"of 300 labelled samples {right} were right: {found.value:.1%}, 95% of such intervals hold the truth: ", end=""
    )
    print(f"{found.low:.1%} to {found.high:.1%}")


if __name__ == "__main__":
    main()
