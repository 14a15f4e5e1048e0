import os

import psycopg
from sqlalchemy import create_engine

DSN = "@URL@"


def connect():
    return psycopg.connect(DSN, application_name=f"shop-migrations-{os.getpid()}")


engine = create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)
