"""Tells a connection that was ended under us from a mistake of ours."""

import sys

from dbtool.errors import ConnectError

_SERVER_ENDED = ("08", "57P")
"""SQLSTATE classes: a lost connection, and a server or administrator that ends sessions."""

_BUSY_WITH_THE_END = "another operation (2) is in progress"
"""What asyncpg says when the server's last words came between two statements."""


def ended(error: BaseException) -> ConnectError | None:
    """The error to show where the driver found its connection gone; None for any other error."""
    driver = sys.modules.get("asyncpg.exceptions")
    if driver is None:
        return None
    told = _said(error)
    match error:
        case driver.PostgresError() if (error.sqlstate or "").startswith(_SERVER_ENDED):
            return _lost(told)
        case driver.InterfaceError() if "connection is closed" in told:
            return _lost("It did so between two statements.")
        case driver.InternalClientError() if _BUSY_WITH_THE_END in told:
            return _lost("It did so between two statements.")
    return None


def _said(error: BaseException) -> str:
    return str(error.args[0]) if error.args else ""


def _lost(detail: str) -> ConnectError:
    return ConnectError(
        "the server ended the connection",
        detail=detail,
        hint="Was it restarted, or the session ended by somebody? Its log says so.",
    )
