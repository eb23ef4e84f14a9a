"""Who takes part in a round: (candidates, rng) -> some of them, in the order of their names.

One that has `seen` and `number` is told what the job has seen of its clients, and which round it is.
"""

from .fed_cs import FedCs
from .limited import Limited
from .oort import Oort
from .power_of_choice import PowerOfChoice
from .uniform import Uniform

__all__ = ["FedCs", "Limited", "Oort", "PowerOfChoice", "Uniform"]
