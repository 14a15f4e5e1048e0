"""Which server answered, and as whom we asked it."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, and when."""

    version: str
    version_number: int
    in_recovery: bool
    taken_at: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role we are logged in as may see of other roles' sessions."""

    role: str
    sees_all: bool
    grant: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered whom."""

    backend_pid: int
    server: Server
    rights: Rights

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        """What the server answered to IDENTITY."""
        server, rights = Server(**answer["server"]), Rights(**answer["rights"])
        return cls(answer["backend_pid"], server, rights)


IDENTITY = """
(SELECT json_build_object(
    'backend_pid', pg_backend_pid(),
    'server', json_build_object(
        'version', current_setting('server_version'),
        'version_number', current_setting('server_version_num')::int,
        'in_recovery', pg_is_in_recovery(),
        'taken_at', clock_timestamp()),
    'rights', json_build_object(
        'role', current_user,
        'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
        'grant', 'GRANT pg_monitor TO ' || quote_ident(current_user))))
"""
