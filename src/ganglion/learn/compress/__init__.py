"""An update in fewer bytes: a part of it, its numbers in fewer bits, and what a client remembers of the rest."""

from .bits import read_rising, write_rising
from .buckets import read_buckets, write_buckets
from .compress import Compress, decode
from .dgc import Dgc
from .even import Even
from .feedback import Feedback
from .low_rank import LowRank
from .named import COMPRESSIONS, named, parameters
from .plain import Plain
from .qsgd import Qsgd
from .top_k import TopK
from .whole import Whole

__all__ = [
    "COMPRESSIONS",
    "Compress",
    "Dgc",
    "Even",
    "Feedback",
    "LowRank",
    "Plain",
    "Qsgd",
    "TopK",
    "Whole",
    "decode",
    "named",
    "parameters",
    "read_buckets",
    "read_rising",
    "write_buckets",
    "write_rising",
]
