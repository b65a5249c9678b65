"""Slurm itself: its queue, and datatrove pipelines as its job arrays."""
