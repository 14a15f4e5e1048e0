"""Alembic wrapped: the team's own env.py and revisions, on the database that was named."""

from dbtool.migrate.highlighting import leave_for_later

leave_for_later()
