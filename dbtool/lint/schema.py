"""The catalog as replayed from history: what is known of tables, types and the rest."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from dbtool.lint.expression import BY_EXTENSION
from dbtool.lint.expression import Expression as Expression
from dbtool.lint.expression import Name as Name
from dbtool.lint.expression import Type as Type
from dbtool.lint.objects import USUAL_TABLESPACE as USUAL_TABLESPACE
from dbtool.lint.objects import Bound as Bound
from dbtool.lint.objects import Column as Column
from dbtool.lint.objects import Conditions as Conditions
from dbtool.lint.objects import Constraint as Constraint
from dbtool.lint.objects import Function as Function
from dbtool.lint.objects import Holds as Holds
from dbtool.lint.objects import Index as Index
from dbtool.lint.objects import Sequence as Sequence
from dbtool.lint.objects import Table as Table
from dbtool.lint.objects import UserType as UserType
from dbtool.lint.objects import View as View
from dbtool.lint.objects import with_columns as with_columns

V = TypeVar("V")
_Undo = tuple[dict[Name, object], Name, object]
_ABSENT = object()
TEMPORARY = "pg_temp"
"""The schema of what goes with the session, which comes before all others."""


class Schema:
    """All that is known at one moment of the replay. It changes as the replay goes on.

    `complete` says that the history was replayed from an empty database, so that what is not
    here does not exist. Names without a schema are looked for along `search_path`. While
    `judging`, what is created is new: no deployed program uses it yet. `doubted` says that some
    of the history is not known, which may have changed or dropped anything; `unread`, that a part
    could not be read, so that it is left out in scratch too. `former` are the names that tables
    had before; `temporary` says that some relation is, which is found first, and `left` are the
    names of those that sessions before made, which may be there where theirs goes on. `armed` are
    the relations whose use runs functions that may create or drop something.
    """

    def __init__(self, *, complete: bool = False) -> None:
        self.complete = complete
        self.doubted = False
        self.unread = False
        self.search_path: tuple[str, ...] = ("public",)
        self.tables: dict[Name, Table] = {}
        self.views: dict[Name, View] = {}
        self.types: dict[Name, UserType] = {}
        self.functions: dict[Name, Function] = {}
        self.sequences: dict[Name, Sequence] = {}
        self.index_owners: dict[Name, Name] = {}
        self.referrers: dict[Name, tuple[Name, ...]] = {}
        self.former: dict[Name, Name] = {}
        self.armed: dict[Name, bool] = {}
        self.temporary = False
        self.left: set[str] = set()
        self.judging = False
        self._journals: list[list[_Undo]] = []
        self._marks: list[tuple[tuple[str, ...], bool, bool, bool]] = []

    def full(self, name: Name) -> Name:
        """The name with the schema a new object of that name would be created in."""
        if name.schema:
            return name
        return Name(self.search_path[0] if self.search_path else "public", name.name)

    def _find(self, among: Mapping[Name, V], name: Name) -> V | None:
        if name.schema or not among:
            return among.get(name)
        if self.temporary and (own := among.get(Name(TEMPORARY, name.name))) is not None:
            return own
        for schema in self.search_path:
            # A tuple is found as the name that it is equal to, and is made in half the time.
            found: V | None = among.get((schema, name.name))  # type: ignore[call-overload]
            if found is not None:
                return found
        return None

    def table(self, name: Name) -> Table | None:
        """A table, or None where nothing is known of it."""
        return self._find(self.tables, name)

    def view(self, name: Name) -> View | None:
        """A view."""
        return self._find(self.views, name)

    def type(self, name: Name) -> UserType | None:
        """A type of the user; what stands in a table without a schema is found in public too."""
        found = self._find(self.types, name)
        if found is None and self.types and not name.schema:
            return self.types.get(Name("public", name.name))
        return found

    def function(self, name: Name) -> Function | None:
        """A function of the user."""
        return self._find(self.functions, name)

    def sequence(self, name: Name) -> Sequence | None:
        """A sequence that a statement named; those of serial columns are not kept."""
        return self._find(self.sequences, name)

    def index(self, name: Name) -> Index | None:
        """An index of a known table."""
        table = self.index_table(name)
        return table.indexes.get(name.name) if table else None

    def index_table(self, name: Name) -> Table | None:
        """The table an index is on."""
        owner = self._find(self.index_owners, name)
        return self.tables.get(owner) if owner else None

    def is_new(self, name: Name) -> bool:
        """Whether a table was created by what is being judged, so that nobody uses it yet."""
        table = self.table(name)
        return table is not None and table.new

    def family(self, table: Table) -> tuple[Table, ...]:
        """A table and the partitions and children below it."""
        if not table.children:
            return (table,)
        found = [table]
        for each in found:
            found.extend(self.tables[name] for name in each.children if name in self.tables)
        return tuple(found)

    def within(self, name: Name, whole: Name) -> bool:
        """Whether a table is another one, or stands below it, which so cannot be put below."""
        table = self.tables.get(whole)
        below = self.family(table) if table is not None else ()
        return name == whole or any(each.name == name for each in below)

    def using(self, type_name: Name, derived: bool = False) -> Iterator[tuple[Table, Column]]:
        """Every column of a type of the user, on request also of domains that stand on it."""
        found = self.type(type_name)
        wanted = [found.name if found is not None else self.full(type_name)]
        for base in wanted if derived else ():
            above = (each for each in self.types.values() if each.base is not None)
            over = [each.name for each in above if each.base and self._is(each.base, base)]
            # A domain called by the name of what it stands on would be found below itself.
            wanted += [each for each in over if each not in wanted]
        for table in self.tables.values():
            for column in table.columns.values():
                if column.type is not None and any(self._is(column.type, n) for n in wanted):
                    yield table, column

    def typed_by(self, extension: str) -> Iterator[tuple[Table, Column]]:
        """Every column of a type that an extension brings."""
        types = BY_EXTENSION.get(extension, ())
        for table in self.tables.values() if types else ():
            for column in table.columns.values():
                if column.type is not None and column.type.name in types:
                    yield table, column

    def _is(self, type_: Type, wanted: Name) -> bool:
        if type_.name != wanted.name:
            return False
        found = self.type(type_.named)
        return found is not None and found.name == wanted

    def referring(self, table: Table) -> tuple[Table, ...]:
        """The other tables whose foreign keys refer to it."""
        names = dict.fromkeys(self.referrers.get(table.name, ()))
        found = (self.tables[name] for name in names if name in self.tables)
        return tuple(
            each for each in found if any(key.references == table.name for key in each.foreign_keys)
        )

    def readers(self, table: Name, column: str = "*") -> tuple[View, ...]:
        """The views that read a table, or one column of it."""
        return tuple(
            view
            for view in self.views.values()
            if any(
                name == table and (column == "*" or read in (column, "*"))
                for name, read in view.reads
            )
        )

    def reached(self, table: Name, column: str = "*") -> tuple[View, ...]:
        """The views that read a table, or one column of it, and those that read these."""
        found = {view.name: view for view in self.readers(table, column)}
        pending = [*found]
        while pending:
            for view in self.readers(pending.pop()):
                if view.name not in found:
                    found[view.name] = view
                    pending.append(view.name)
        return tuple(found.values())

    def put(self, among: dict[Name, V], name: Name, value: V) -> None:
        """Enter or replace one object."""
        self._remember(among, name)
        self.temporary = self.temporary or name.schema == TEMPORARY
        among[name] = value

    def remove(self, among: dict[Name, V], name: Name) -> None:
        """Forget one object."""
        self._remember(among, name)
        among.pop(name, None)

    def _remember(self, among: dict[Name, V], name: Name) -> None:
        if self._journals:
            # One journal holds the old values of dictionaries of different types.
            journal: dict[Name, object] = among  # type: ignore[assignment]
            self._journals[-1].append((journal, name, journal.get(name, _ABSENT)))

    def leave_session(self) -> None:
        """Forget what is temporary: it is there no more, or still is where the session goes on."""
        if not self.temporary:
            return
        for among in (self.tables, self.views, self.sequences, self.index_owners, self.types):
            for name in [each for each in among if each.schema == TEMPORARY]:
                self.left.add(name.name)
                among.pop(name)
        self.temporary = False

    def begin(self) -> None:
        """From here on `undo` can go back; such points nest."""
        self._journals.append([])
        self._marks.append((self.search_path, self.complete, self.doubted, self.temporary))

    def undo(self) -> None:
        """Go back to where `begin` was called last."""
        self.search_path, self.complete, self.doubted, self.temporary = self._marks.pop()
        for among, name, before in reversed(self._journals.pop()):
            if before is _ABSENT:
                among.pop(name, None)
            else:
                among[name] = before
