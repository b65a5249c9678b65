"""Studies of quality and preference (Kun §4.2.2, §4.2.3): what is judged, and what was said about it."""
