"""Private data in text: found by detectors of twelve kinds, masked or removed (Kun §6, A.2)."""

from kun_recipes.privacy.detectors import Finding, MaskPrivateData, detect, find_private, mask
from kun_recipes.privacy.settings import KINDS, PrivacySettings, PrivacyWords, load_privacy

__all__ = [
    "KINDS",
    "Finding",
    "MaskPrivateData",
    "PrivacySettings",
    "PrivacyWords",
    "detect",
    "find_private",
    "load_privacy",
    "mask",
]
