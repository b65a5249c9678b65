"""Documents in one spelling, before they are cut: encoding repaired, markup out, one width, one kind of blank."""

from kun_recipes.corpus.normalisation.blocks import FixMojibake, NormaliseText, RemovePageLines, ToSimplified

__all__ = ["FixMojibake", "NormaliseText", "RemovePageLines", "ToSimplified"]
