"""What leaves: bounds and noise, what they promise, and the one place where a label is lowered; keys and the audit log.

Keys come in as bytes and are never kept, printed or put into an error.
"""

from .access import Action, Place, Role, refusal
from .accountant import epsilon, epsilon_rdp, gaussian_delta
from .audit import Entry, entry, verify_chain
from .clip import Clip
from .declassify import Consent, Declassification, declassify
from .noise import Noise, generator
from .seal import open_sealed, seal
from .sign import public_key, sign, verify

__all__ = [
    "Action",
    "Clip",
    "Consent",
    "Declassification",
    "Entry",
    "Noise",
    "Place",
    "Role",
    "declassify",
    "entry",
    "epsilon",
    "epsilon_rdp",
    "gaussian_delta",
    "generator",
    "open_sealed",
    "public_key",
    "refusal",
    "seal",
    "sign",
    "verify",
    "verify_chain",
]
