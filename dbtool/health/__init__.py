"""Connections, locks and vital signs of a running server, read-only."""
