"""A tensor in fewer bytes: exact, in few bits per number, compressed; and what each costs in accuracy."""

from .accuracy import Effect, measure, right
from .affine import Affine
from .deflate import Deflate
from .named import CODECS, codec
from .packed import Codec
from .raw import Raw
from .unpack import unpack

__all__ = ["CODECS", "Affine", "Codec", "Deflate", "Effect", "Raw", "codec", "measure", "right", "unpack"]
