"""What the cells of the uplinks' bench say together, beside what was published."""

from __future__ import annotations

from typing import Any

import numpy as np

PUBLISHED = {  # Hu et al. 2019 (DADS), Kang et al. 2017 (Neurosurgeon)
    "split over cloud-only": "DADS 1.35-8.08",
    "split over device-only": "DADS 1.91-6.45",
    "neurosurgeon over cloud-only": "Neurosurgeon: mean 3.1, largest 40.7",
}
Result = dict[str, Any]


def gains(found: list[Result]) -> list[Result]:
    """Least, mean and largest speed-up over all cells, beside what was published."""
    fair, paper = [one["fair"] for one in found], [one["paper"] for one in found]
    ratios = {
        "split over cloud-only, float32 on the link (paper-style)": [p["cloud"] / p["plan"] for p in paper],
        "split over cloud-only, pixels as bytes (fair)": [f["cloud_u8"] / f["plan"] for f in fair],
        "split over cloud-only, JPEG (fair)": [f["cloud_jpeg"] / f["plan"] for f in fair],
        "split over device-only, float32 on the link": [
            f["device"] / p["plan"] for f, p in zip(fair, paper, strict=True)
        ],
        "split over device-only, 8 bits (fair)": [f["device"] / f["plan"] for f in fair],
        "dads over cloud-only, float32 on the link": [p["cloud"] / p["dads"] for p in paper],
        "neurosurgeon over cloud-only, float32 on the link": [p["cloud"] / p["neurosurgeon"] for p in paper],
        "neurosurgeon over cloud-only, pixels as bytes (fair)": [f["cloud_u8"] / f["neurosurgeon"] for f in fair],
        "neurosurgeon over cloud-only, JPEG (fair)": [f["cloud_jpeg"] / f["neurosurgeon"] for f in fair],
    }
    rows = []
    for what, values in ratios.items():
        told = {
            "least": round(min(values), 2),
            "mean": round(float(np.mean(values)), 2),
            "largest": round(max(values), 2),
        }
        rows.append({"what": what, **told, "published": PUBLISHED.get(what.split(",")[0], "")})
    return rows


def slow_downs(found: list[Result], kind: str) -> Result:
    """Of the device against this machine, and where they come from."""
    slow = sorted({round(one["slow"], 2) for one in found})
    told = f"seconds by the declared rates of class {kind}, over those measured here; emulated"
    return {"what": "the device's slow-down and its source", "least": slow[0], "largest": slow[-1], "published": told}
