"""Propose the indexes that statements lack, each one put before a planner first."""
