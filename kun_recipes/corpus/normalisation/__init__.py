"""Normalise documents before they are cut: encoding repaired, markup removed, one width, one kind of blank."""

from kun_recipes.corpus.normalisation.blocks import FixMojibake, NormaliseText, RemovePageLines, ToSimplified
from kun_recipes.corpus.normalisation.lost_lines import JoinWords, RestoreLines

__all__ = ["FixMojibake", "JoinWords", "NormaliseText", "RemovePageLines", "RestoreLines", "ToSimplified"]
