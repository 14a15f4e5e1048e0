"""Coherent, deterministic rows for the team's own models."""
