"""When to stop waiting: median + k * MAD of the arrivals so far, so that one who lags far behind the rest is left."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

NORMAL = 1.4826  # MAD to standard deviation where times are normal


def adaptive_s(arrivals_s: Sequence[float], stretch: float) -> float:
    """Seconds after the round's start. Raises ValueError for no arrival.

    With one arrival, or where all came at once, the spread says nothing: a tenth of the median stands for it.

    >>> adaptive_s((1.0, 2.0, 3.0), 3.0)
    6.4478
    """
    if not arrivals_s:
        raise ValueError("no arrival, no deadline: wait as long as patience lasts")
    middle = median(arrivals_s)
    spread = NORMAL * median(abs(one - middle) for one in arrivals_s)
    return middle + stretch * max(spread, 0.1 * middle)
