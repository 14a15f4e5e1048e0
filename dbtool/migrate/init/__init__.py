"""Set a project up for dbtool: adopt what is there, or begin an Alembic environment."""

from dbtool.migrate.init.change import write
from dbtool.migrate.init.check import check
from dbtool.migrate.init.propose import Proposal, Wishes, propose
from dbtool.migrate.init.survey import look

__all__ = ["Proposal", "Wishes", "check", "look", "propose", "write"]
