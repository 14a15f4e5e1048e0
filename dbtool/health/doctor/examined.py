"""Reads everything `doctor` judges, in one question where the server lets it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from dbtool.database.target import Target
from dbtool.health.doctor import relations
from dbtool.health.doctor.bloat import BLOAT, Bloat, Estimates
from dbtool.health.doctor.instance import (
    HORIZON,
    KEYS,
    PASSWORDS,
    ROLES,
    SETTINGS,
    Counts,
    Key,
    Pin,
    Roles,
    counts,
    roles,
)
from dbtool.health.doctor.lockers import LOCKERS, Locker
from dbtool.health.doctor.relations import Check, ForeignKey, Index, Table, View
from dbtool.health.identity import IDENTITY, Identity, Rights, Server
from dbtool.health.parts import Gap, Part, answers
from dbtool.health.session import Endpoint, session
from dbtool.health.sight import Sight

STATEMENT_SECONDS = 5
PIECEMEAL_SECONDS = 20.0
_IDENTITY = Part("identity", IDENTITY, needed=True)
_SIGHT = Part(
    "sight",
    """
(SELECT json_build_object('connections', count(*), 'hidden', count(*) FILTER (
            WHERE backend_type IS NULL), 'untracked', count(*) FILTER (WHERE state = 'disabled'))
 FROM pg_catalog.pg_stat_activity
 WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND usesysid IS NOT NULL)
""",
    needed=True,
)
_SUPERUSER = Part(
    "superuser", "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)", needed=True
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A database and its server; what is None could not be asked, and `gaps` say why."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    sight: Sight
    tables: tuple[Table, ...] | None
    indexes: tuple[Index, ...] | None
    foreign_keys: tuple[ForeignKey, ...] | None
    unvalidated: tuple[Check, ...] | None
    views: tuple[View, ...] | None
    names: tuple[str, ...] | None
    keys: tuple[Key, ...] | None
    horizon: tuple[Pin, ...] | None
    lockers: tuple[Locker, ...] | None
    counts: Counts | None
    settings: dict[str, str] | None
    roles: Roles | None
    bloat: Estimates | None
    gaps: tuple[Gap, ...]


def read(target: Target) -> Examined:
    """Ask the server, read-only and within limits; what fails is left out and told."""
    return asyncio.run(_read(target))


async def _read(target: Target) -> Examined:
    async with session(target, seconds=STATEMENT_SECONDS) as asking:
        first = (await answers(asking, (_IDENTITY, _SIGHT, _SUPERUSER))).found
        parts = _parts(asking.version, superuser=bool(first["superuser"]))
        said = await answers(asking, parts, PIECEMEAL_SECONDS)
        identity = Identity.of(first["identity"])
        endpoint = asking.endpoint(identity.backend_pid)
        found = {"sight": first["sight"], **said.found}
        return _examined(identity, endpoint, found, said.gaps)


def _parts(major: int, *, superuser: bool) -> tuple[Part, ...]:
    asked = (
        *(relations.TABLES, relations.INDEXES, relations.FOREIGN_KEYS, relations.CHECKS),
        *(relations.VIEWS, relations.NAMES, KEYS, HORIZON, LOCKERS, counts(major), SETTINGS),
        *(ROLES, BLOAT),
    )
    return (*asked, PASSWORDS) if superuser else asked


def _examined(
    identity: Identity, endpoint: Endpoint, found: dict[str, Any], gaps: tuple[Gap, ...]
) -> Examined:
    def each(name: str, make: Any) -> Any:
        return tuple(make(**row) for row in found[name]) if name in found else None

    bloat = found.get("bloat")
    return Examined(
        endpoint=endpoint,
        server=identity.server,
        rights=identity.rights,
        sight=Sight(**found["sight"]),
        tables=relations.tables(found["tables"]) if "tables" in found else None,
        indexes=each("indexes", Index),
        foreign_keys=(
            relations.foreign_keys(found["foreign_keys"]) if "foreign_keys" in found else None
        ),
        unvalidated=each("unvalidated", Check),
        views=each("views", View),
        names=tuple(found["names"]) if "names" in found else None,
        keys=each("keys", Key),
        horizon=each("horizon", Pin),
        lockers=each("lockers", Locker),
        counts=Counts(**found["counts"]) if "counts" in found else None,
        settings=found.get("settings"),
        roles=roles(found["roles"], found.get("passwords")) if "roles" in found else None,
        bloat=Estimates(tuple(Bloat(**row) for row in bloat["tables"]), bloat["unseen"])
        if bloat
        else None,
        gaps=gaps,
    )
