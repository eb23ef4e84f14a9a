"""The codecs a plan may name, from exact to small."""

from __future__ import annotations

from ..core.errors import ConfigError
from ..core.table import closest
from .affine import Affine
from .deflate import Deflate
from .packed import Codec
from .raw import Raw

_PLAIN: tuple[Codec, ...] = (Raw(), Affine(8), Affine(4), Affine(2))
CODECS: dict[str, Codec] = {codec.name: codec for plain in _PLAIN for codec in (plain, Deflate(plain))}


def codec(name: str) -> Codec:
    """A codec by its name. Raises ConfigError for a name that is none.

    >>> codec("u4+deflate")
    Deflate(codec=Affine(bits=4))
    """
    if name not in CODECS:
        raise ConfigError(f"codec {name!r}: a tensor can be packed by {', '.join(CODECS)}; {closest(name, CODECS)}")
    return CODECS[name]
