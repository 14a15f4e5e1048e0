"""Alembic wrapped: the team's own env.py and revisions, on the database that was named."""
