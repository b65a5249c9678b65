"""Checks of rows and cards that are published, or are to be."""
