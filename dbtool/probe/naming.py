"""Gives connections the name by which a server's administrator finds the process."""

import os
import socket
from typing import Any

_LONGEST = 63
"""Bytes of an application_name that PostgreSQL keeps."""


def named(driver: str, parameters: dict[str, Any], service: str) -> None:
    """Set application_name in the arguments of one connection where nobody else did.

    They are this connection's own, the mapping within them is not.
    """
    if driver == "asyncpg":
        settings = parameters.get("server_settings") or {}
        own = {"async_creator_fn", "async_creator", "dsn"} & parameters.keys()
        if not own and "application_name" not in settings:
            parameters["server_settings"] = {**settings, "application_name": name_of(service)}
    elif driver.startswith("psycopg") and not _given(parameters):
        parameters["application_name"] = name_of(service)


def _given(parameters: dict[str, Any]) -> bool:
    texts = " ".join(str(parameters.get(key, "")) for key in ("dsn", "conninfo", "options"))
    own = {"application_name", "service", "async_creator_fn"} & parameters.keys()
    return bool(own) or "application_name" in texts or "PGAPPNAME" in os.environ


def name_of(service: str) -> str:
    """`service@host:pid`, shortened so that the pid stays."""
    end = f":{os.getpid()}"
    start = f"{service}@{socket.gethostname()}".encode("ascii", "replace").decode()
    return start[: _LONGEST - len(end)] + end
