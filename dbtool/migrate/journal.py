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
_VALUE = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$")
_READ = """
    SELECT pg_catalog.obj_description(c.oid, 'pg_class')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement: what it is recognised by, its beginning without values, how often it ran.

    `repeatable`: a schema change that stands in the catalogue may be left out; rows that were
    written may be counted on by what follows, so only a person can say. `additive`: it makes
    something and takes nothing away, and the catalogue tells whether it did.
    """

    key: str
    excerpt: str
    repeatable: bool
    additive: bool = False
    times: int = 1


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
    legible: bool = True

    @property
    def asks(self) -> bool:
        """Whether only a person can say how to go on."""
        entries = (*self.done, *((self.begun,) if self.begun else ()))
        return not self.legible or not all(each.repeatable for each in entries)

    def beginning(self, entry: Entry) -> "Journal":
        """Before a statement that commits by itself."""
        return replace(self, begun=entry)

    def with_done(self, *entries: Entry) -> "Journal":
        """After statements are committed; one that wrote rows before is counted."""
        done = list(self.done)
        for each in entries:
            if done and done[-1].key == each.key and not each.repeatable:
                each = replace(each, times=done.pop().times + 1)
            done.append(each)
        return replace(self, done=tuple(done), begun=None)

    def without_begun(self) -> "Journal":
        """After a statement that is known to have failed."""
        return replace(self, begun=None)


def entry(statement: str, *, repeatable: bool, additive: bool = False) -> Entry:
    """A statement as it is remembered; how it is laid out does not count.

    Values may be secret, and anybody can read a comment.
    """
    text = " ".join(statement.split())
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Entry(key, _VALUE.sub("'…'", text)[:_EXCERPT], repeatable, additive)


def read(connection: SyncConnection, schema: str, name: str) -> Journal | None:
    """The note on a version table; None where there is none."""
    return in_comment(connection.fetchval(_READ, schema, name))


def in_comment(comment: str | None) -> Journal | None:
    """The note in the comment of a version table; `legible` is false where it was altered."""
    _, mark, text = (comment or "").partition(MARK)
    return _decoded(text) if mark else None


def statement(schema: str, name: str, comment: str | None, journal: Journal | None) -> str:
    """The SQL that writes the note, or takes it away, and keeps the team's own comment."""
    own = (comment or "").partition(MARK)[0].rstrip("\n")
    note = "" if journal is None else MARK + json.dumps(_plain(journal), ensure_ascii=False)
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


def _plain(journal: Journal) -> dict[str, object]:
    said = asdict(journal)
    del said["legible"]
    return said


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    if "\\" not in quoted:
        return f"'{quoted}'"
    return "E'" + quoted.replace("\\", "\\\\") + "'"


def _decoded(text: str) -> Journal:
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
        return Journal("?", down=False, legible=False)


def _entry(said: Mapping[str, object]) -> Entry:
    return Entry(
        key=str(said["key"]),
        excerpt=str(said["excerpt"]),
        repeatable=bool(said["repeatable"]),
        additive=bool(said.get("additive", False)),
        times=int(str(said.get("times", 1))),
    )


_VERSION_WRITE = r"^\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+[^\s(]*\b{name}\b"


def writes_version(text: str, name: str) -> bool:
    """Whether a statement is Alembic's own, which records the revision."""
    return re.match(_VERSION_WRITE.format(name=re.escape(name)), text, re.IGNORECASE) is not None
