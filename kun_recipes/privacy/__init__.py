"""Private data in text: twelve kinds are found by detectors, then masked or removed (Kun §6, A.2).

Names are counted.
"""

from kun_recipes.privacy.detectors import Finding, MaskPrivateData, detect, find_private, mask
from kun_recipes.privacy.names import find_names
from kun_recipes.privacy.settings import KINDS, NameWords, PrivacySettings, PrivacyWords, load_privacy

__all__ = [
    "KINDS",
    "Finding",
    "MaskPrivateData",
    "NameWords",
    "PrivacySettings",
    "PrivacyWords",
    "detect",
    "find_names",
    "find_private",
    "load_privacy",
    "mask",
]
