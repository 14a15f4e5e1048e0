"""Alembic's own log while env.py runs: quiet where nothing changes, never said twice."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

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


@contextmanager
def own_logging() -> Iterator[None]:
    """Undo what env.py does to the logging of the process it runs in; most silence every logger."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if _is_logger(each)]
    before = [(each, _state(each)) for each in (logging.root, *loggers)]
    try:
        yield
    finally:
        for logger, (disabled, level, propagate, handlers) in before:
            logger.disabled, logger.propagate = disabled, propagate
            logger.handlers[:] = handlers
            logger.setLevel(level)


def _is_logger(found: object) -> TypeGuard[logging.Logger]:
    return isinstance(found, logging.Logger)


def _state(logger: logging.Logger) -> tuple[bool, int, bool, tuple[logging.Handler, ...]]:
    return logger.disabled, logger.level, logger.propagate, tuple(logger.handlers)


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
