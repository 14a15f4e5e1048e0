import os

import psycopg
from sqlalchemy import create_engine, event

DSN = "@URL@"


def connect():
    return psycopg.connect(DSN, application_name=f"shop-migrations-{os.getpid()}")


engine = create_engine("postgresql+psycopg://", creator=connect)


@event.listens_for(engine, "connect")
def prepare(connection, record):
    connection.execute("CREATE TABLE IF NOT EXISTS touched (id int)")
    connection.commit()
