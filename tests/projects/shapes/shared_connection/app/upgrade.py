"""What the application's own test suite calls: one connection for everything."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine


def upgrade_everything() -> None:
    engine = create_engine(os.environ["SHOP_DATABASE_URL"])
    config = Config(Path(__file__).parent.parent / "alembic.ini")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
