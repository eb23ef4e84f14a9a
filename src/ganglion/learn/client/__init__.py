"""What a client does in a round: (task, kept) -> steps that end in an update and what it keeps for the next.

One that keeps tensors names them in `keeps`, one that shares more than weights in `shares`; one whose clients answer
with a model of their own has `own(weights, kept)`.
"""

from .ditto import Ditto
from .judged import Judged
from .local_sgd import LocalSgd
from .personal import Personal
from .scaffold import Scaffold

__all__ = ["Ditto", "Judged", "LocalSgd", "Personal", "Scaffold"]
