import psycopg
from sqlalchemy import create_engine

DSN = "@URL@"


def fresh_token() -> str:
    """Stands for a cloud token that is valid for a quarter of an hour."""
    return "token"


def connect():
    return psycopg.connect(DSN, password=fresh_token(), application_name="shop-migrations")


engine = create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)
