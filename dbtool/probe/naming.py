"""Gives connections the name by which a server's administrator finds the process."""

import os
import socket
from collections.abc import Mapping
from typing import Any

_LONGEST = 63
"""Bytes of an application_name that PostgreSQL keeps."""


def named(driver: str, parameters: dict[str, Any], service: str) -> None:
    """Set application_name in the arguments of a connection where nobody else did.

    SQLAlchemy 2.0 hands all connections the same arguments: a name that the probe has given is
    given again, for a forked child has another pid.
    """
    if driver == "asyncpg":
        settings = parameters.get("server_settings") or {}
        theirs = {"async_creator_fn", "async_creator", "dsn"} & parameters.keys()
        if not theirs and _ours(settings, service):
            parameters["server_settings"] = {**settings, "application_name": name_of(service)}
    elif driver.startswith("psycopg") and not _given(parameters) and _ours(parameters, service):
        parameters["application_name"] = name_of(service)


def _ours(settings: Mapping[str, Any], service: str) -> bool:
    """Whether there is no name yet, or one that the probe has given."""
    name = str(settings.get("application_name") or "").rpartition(":")[0]
    return "application_name" not in settings or ("@" in name and _start(service).startswith(name))


def _given(parameters: Mapping[str, Any]) -> bool:
    texts = " ".join(str(parameters.get(key, "")) for key in ("dsn", "conninfo", "options"))
    theirs = {"service", "async_creator_fn"} & parameters.keys()
    return bool(theirs) or "application_name" in texts or "PGAPPNAME" in os.environ


def name_of(service: str) -> str:
    """`service@host:pid`, shortened so that the pid stays."""
    end = f":{os.getpid()}"
    return _start(service)[: _LONGEST - len(end)] + end


def _start(service: str) -> str:
    return f"{service}@{socket.gethostname()}".encode("ascii", "replace").decode()
