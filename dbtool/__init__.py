"""Database operations for SQLAlchemy, Alembic and PostgreSQL teams."""
