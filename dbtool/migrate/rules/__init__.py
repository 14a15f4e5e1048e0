"""Rules over models, revisions and what a database records, one file each.

They are listed where they are asked: some need SQLAlchemy, and others stand in small commands.
"""
