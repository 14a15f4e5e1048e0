"""What a change does to a live server: the locks it takes and the work it does under them."""

from collections.abc import Iterator
from enum import IntEnum, StrEnum

from dbtool.lint.schema import Name
from dbtool.lint.values import value


class Lock(IntEnum):
    """PostgreSQL's table lock modes, weakest first."""

    NONE = 0
    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def title(self) -> str:
        """The mode as PostgreSQL writes it."""
        return _TITLES[self]

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE have to wait for it."""
        return self >= Lock.SHARE

    @property
    def blocks_reads(self) -> bool:
        """Whether SELECT has to wait for it."""
        return self is Lock.ACCESS_EXCLUSIVE


_TITLES = {each: each.name.replace("_", " ") for each in Lock}


class Work(StrEnum):
    """What takes time in proportion to the size of a table, or does not end well."""

    SCAN = "scan"
    REWRITE = "rewrite"
    BUILD = "index build"
    WAIT = "wait for older snapshots"
    FAIL = "error"


class Cause(StrEnum):
    """Why there is work; one hazard, one cause."""

    ADD_NOT_NULL = "column added not null without default"
    VOLATILE_DEFAULT = "default that differs from row to row"
    ADD_SERIAL = "serial or identity column added"
    GENERATED_STORED = "stored generated column"
    INLINE_FOREIGN_KEY = "foreign key in a column's definition"
    INLINE_CHECK = "check in a column's definition"
    INLINE_UNIQUE = "unique or primary key in a column's definition"
    CONSTRAINED_DOMAIN = "column of a domain with constraints added"
    TYPE_CHANGE = "column's type changed"
    TYPE_REINDEX = "index on the column whose type changes"
    TYPE_RECHECK = "constraint on the column whose type changes"
    TYPE_USED = "column used by a view, rule, policy or generated column"
    TYPE_UNCASTABLE = "no cast between the types, or for the default"
    SET_NOT_NULL = "set not null"
    FOREIGN_KEY = "foreign key validated when it is added"
    CHECK = "check validated when it is added"
    NOT_NULL = "not null constraint validated when it is added"
    UNIQUE = "unique constraint builds its index"
    PRIMARY_KEY = "primary key builds its index"
    PRIMARY_KEY_NULLABLE = "primary key over a nullable column"
    EXCLUDE = "exclusion constraint builds its index"
    VALIDATE = "constraint validated"
    VALIDATE_HELD = "constraint validated under a lock taken before"
    DOMAIN_CHECKED = "domain constraint checked in every table"
    INDEX = "index built under a lock"
    INDEX_CONCURRENTLY = "index built concurrently"
    DROP_INDEX = "index dropped"
    REINDEX = "index rebuilt"
    IN_TRANSACTION = "cannot run in a transaction"
    PARTITIONED = "not possible on a partitioned table"
    ENUM_VALUE_USED = "new enum value used in its own transaction"
    ATTACH = "partition attached without proof"
    ATTACH_PARTS = "index or foreign key of the whole made for an attached partition"
    DEFAULT_PARTITION = "default partition scanned"
    DETACH = "partition detached"
    REWRITE_COMMAND = "table rewritten by command"
    REFRESH = "materialized view refreshed"
    DEPENDENT = "others depend on it"
    MISSING = "what it names does not exist"
    EXISTS = "what it creates exists"
    REFUSED = "not possible as the table is defined"
    VERSION = "not possible on this version"
    ROWS_CHANGED = "rows changed"
    UNEXPECTED = "seen only when it was run"
    TIME_ZONE = "timestamp converted under the session's time zone"
    OPAQUE = "code that only the server can read"


@value()
class Held:
    """A lock on a relation that others may be using."""

    relation: Name
    lock: Lock


@value()
class Task:
    """A piece of work: on which relation, for which cause, and why in words.

    For FAIL, `code` is the SQLSTATE. `if_rows` says that it fails only where rows exist,
    `seen` that it did when it was run.
    """

    work: Work
    relation: Name
    cause: Cause
    why: str = ""
    code: str = ""
    if_rows: bool = False
    seen: bool = False


@value()
class Missing:
    """A fact the verdict hangs on and nobody gave: the question, and what would answer it."""

    cause: Cause
    relation: Name
    fact: str
    decide: str = "lint it with the history, or give the schema with --schema"


@value()
class Effect:
    """What one action does to relations that others may be using.

    Relations that what is judged has created itself are left out: nobody waits for them.
    `missing` is empty where every fact the verdict needs is known. An `idle` one creates nothing,
    since what it names is there and IF NOT EXISTS stands beside it.
    """

    locks: tuple[Held, ...] = ()
    tasks: tuple[Task, ...] = ()
    missing: tuple[Missing, ...] = ()
    idle: bool = False

    @property
    def lock(self) -> Lock:
        """The strongest lock."""
        return max((held.lock for held in self.locks), default=Lock.NONE)

    @property
    def blocks(self) -> bool:
        """Whether others wait for as long as work in proportion to the table takes."""
        return self.lock.blocks_writes and any(
            task.work in (Work.SCAN, Work.REWRITE, Work.BUILD) for task in self.tasks
        )

    @property
    def fails(self) -> Task | None:
        """The error it ends with, if it does."""
        return next((task for task in self.tasks if task.work is Work.FAIL), None)

    def of(self, *causes: Cause) -> Iterator[Task]:
        """The work done for one of the causes."""
        return (task for task in self.tasks if task.cause in causes)

    def undecided(self, *causes: Cause) -> Iterator[Missing]:
        """The facts missing for a verdict on one of the causes."""
        return (each for each in self.missing if each.cause in causes)

    def lock_on(self, relation: Name) -> Lock:
        """The strongest lock on one relation."""
        return max((held.lock for held in self.locks if held.relation == relation), default=Lock(0))


NOTHING = Effect()
