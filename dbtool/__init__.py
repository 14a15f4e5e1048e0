"""Database operations for SQLAlchemy, Alembic and PostgreSQL teams."""

__version__ = "0.1.0"
