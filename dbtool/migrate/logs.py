"""Alembic's own log while env.py runs: quiet where nothing changes, never said twice."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_ALEMBIC = "alembic.runtime.migration"


@contextmanager
def quiet_alembic() -> Iterator[None]:
    """Keep the log of a run that changes nothing to warnings; env.py may set logging up anew."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def alembic_reports() -> bool:
    """Whether the team's own logging already shows each revision on the terminal."""
    logger: logging.Logger | None = logging.getLogger(_ALEMBIC)
    if logger is None or not logger.isEnabledFor(logging.INFO):
        return False
    while logger is not None:
        if any(type(each) is logging.StreamHandler for each in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
