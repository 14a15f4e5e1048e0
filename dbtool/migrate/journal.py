"""What a revision has committed while it is not recorded yet: a note on the version table.

A revision that leaves its transaction (autocommit_block, or an env.py on AUTOCOMMIT) may end in
the middle. The note is a comment on the version table: Alembic never compares that table, so the
next autogenerate does not see it, as it would see a table of ours. It stands there only from the
first statement that commits by itself until the revision is recorded; what a team has written
into the comment stays in front of it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from dbtool.database.sync import SyncConnection
from dbtool.sql.names import identifier

MARK = "[dbtool: half applied] "
_EXCERPT = 160
_READ = """
    SELECT pg_catalog.obj_description(c.oid, 'pg_class')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement: what it is recognised by, its beginning, and whether it may be left out.

    A schema change that stands in the catalogue may; rows that were written may be counted on
    by what follows, so only a person can say.
    """

    key: str
    excerpt: str
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Journal:
    """The revision at work, the statements it has committed, and the one that was begun.

    `stamp` tells the rows of the version table apart from any written later: where somebody
    else has recorded anything since, the note is only a hint.
    """

    revision: str
    down: bool
    done: tuple[Entry, ...] = ()
    begun: Entry | None = None
    stamp: str = ""

    def beginning(self, entry: Entry) -> "Journal":
        """Before a statement that commits by itself."""
        return replace(self, begun=entry)

    def with_done(self, *entries: Entry) -> "Journal":
        """After statements are committed."""
        return replace(self, done=(*self.done, *entries), begun=None)


def entry(statement: str, *, repeatable: bool) -> Entry:
    """A statement as it is remembered; how it is laid out does not count."""
    text = " ".join(statement.split())
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Entry(key, text[:_EXCERPT], repeatable)


def read(connection: SyncConnection, schema: str, name: str) -> Journal | None:
    """The note on a version table; None where there is none, or it is no longer one of ours."""
    return in_comment(connection.fetchval(_READ, schema, name))


def in_comment(comment: str | None) -> Journal | None:
    """The note in the comment of a version table."""
    _, mark, text = (comment or "").partition(MARK)
    return _decoded(text) if mark else None


def statement(schema: str, name: str, comment: str | None, journal: Journal | None) -> str:
    """The SQL that writes the note, or takes it away, and keeps the team's own comment."""
    own = (comment or "").partition(MARK)[0].rstrip("\n")
    note = "" if journal is None else MARK + json.dumps(asdict(journal), ensure_ascii=False)
    text = "\n".join(part for part in (own, note) if part)
    value = "NULL" if not text else _literal(text)
    return f"COMMENT ON TABLE {identifier(schema)}.{identifier(name)} IS {value}"


def stamp_query(schema: str, name: str) -> str:
    """SQL for the transactions that wrote the rows of the version table."""
    return (
        "SELECT coalesce(pg_catalog.string_agg(xmin::text, ',' ORDER BY version_num), '')"
        f" FROM {identifier(schema)}.{identifier(name)}"
    )


def comment_of(connection: SyncConnection, schema: str, name: str) -> str | None:
    """The comment as it is."""
    found: str | None = connection.fetchval(_READ, schema, name)
    return found


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    if "\\" not in quoted:
        return f"'{quoted}'"
    return "E'" + quoted.replace("\\", "\\\\") + "'"


def _decoded(text: str) -> Journal | None:
    try:
        said = json.loads(text)
        begun = said["begun"]
        return Journal(
            revision=str(said["revision"]),
            down=bool(said["down"]),
            done=tuple(map(_entry, said["done"])),
            begun=None if begun is None else _entry(begun),
            stamp=str(said["stamp"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _entry(said: Mapping[str, object]) -> Entry:
    return Entry(str(said["key"]), str(said["excerpt"]), bool(said["repeatable"]))


_VERSION_WRITE = r"^\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+[^\s(]*\b{name}\b"


def writes_version(text: str, name: str) -> bool:
    """Whether a statement is Alembic's own, which records the revision."""
    return re.match(_VERSION_WRITE.format(name=re.escape(name)), text, re.IGNORECASE) is not None
