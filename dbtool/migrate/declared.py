"""The shared model package as it is declared: tables, mapped classes, and where files say what."""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper, RelationshipProperty

from dbtool.finding import Fix, Location
from dbtool.metadata import Models
from dbtool.migrate.model_indexes import Served
from dbtool.migrate.pythonfile import File, assignment, column_call, names, read
from dbtool.migrate.written import Written, laid_out

_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True)
class Place:
    """Something declared: its name as the team says it, and the statement where it stands.

    `near` is the statement to look at where something has none of its own.
    """

    name: str
    written: Written | None
    near: Written | None = None

    @property
    def location(self) -> Location:
        """Where a reader finds it."""
        if (stands := self.written or self.near) is None:
            return Location(name=self.name)
        return Location(stands.file, stands.line, self.name)

    def fix(self, code: str | None, label: str = "") -> Fix | None:
        """The corrected statement, where there is one to correct."""
        return Fix("python", laid_out(code), label) if code else None


@dataclass
class Declared:
    """A team's models before the rules.

    `trouble` says why the mapped classes cannot be put together, so that nothing is known of
    their relationships.
    """

    models: Models
    here: Path = field(default_factory=Path.cwd)
    trouble: str = field(init=False, default="")
    _files: dict[str, File | None] = field(init=False, default_factory=dict)
    _mappers: dict[Table, list[Mapper[object]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for each in self.models.registries:
                    each.configure(cascade=True)
        except (SQLAlchemyError, NameError, AttributeError, TypeError) as error:
            self.trouble = str(error).partition("\n")[0]
        for mapper in self.models.mappers:
            if isinstance(mapper.local_table, Table):
                self._mappers.setdefault(mapper.local_table, []).append(mapper)

    @property
    def tables(self) -> Iterator[Table]:
        """The tables that are the team's own, and not those of a package it uses."""
        return (each for each in self.models.tables if self._is_own(each))

    @property
    def relationships(self) -> "Iterator[RelationshipProperty[object]]":
        """Every relationship, once, by the class that declares it."""
        for mapper in () if self.trouble else self.models.mappers:
            if isinstance(mapper.local_table, Table) and self._is_own(mapper.local_table):
                yield from (each for each in mapper.relationships if each.parent is mapper)

    def mappers(self, table: Table) -> "list[Mapper[object]]":
        """The classes mapped to a table, those that others inherit from before them."""
        found = self._mappers.get(table, [])
        return sorted(found, key=lambda mapper: len(mapper.class_.__mro__))

    def name(self, table: Table) -> str:
        """What the team calls a table: its class, or the name of the table."""
        found = self.mappers(table)
        return found[0].class_.__name__ if found else table.fullname

    def of_table(self, table: Table) -> Place:
        """Where a table is declared."""
        for mapper in self.mappers(table)[:1]:
            return Place(mapper.class_.__name__, self._first_line(mapper.class_))
        return Place(table.fullname, self._assigned(table))

    def of_column(self, column: Column[object]) -> Place:
        """Where a column is declared: in its class, in one it inherits from, or in its table."""
        table = column.table
        assert isinstance(table, Table)
        for mapper in self.mappers(table):
            key = _key(mapper, column)
            if key is None:
                continue
            written = self.attribute(mapper.class_, key) or self._assigned(table, column)
            return Place(f"{mapper.class_.__name__}.{key}", written)
        return Place(f"{table.fullname}.{column.name}", self._assigned(table, column))

    def of_relationship(self, relationship: "RelationshipProperty[object]") -> Place:
        """Where a relationship is declared."""
        owner, key = relationship.parent.class_, relationship.key
        name, written = f"{owner.__name__}.{key}", self.attribute(owner, key)
        for other in () if written else relationship._reverse_property:
            return Place(name, None, self.attribute(other.parent.class_, other.key))
        return Place(name, written)

    def of_index(self, table: Table, index: Served) -> Place:
        """Where an index or constraint is declared: by its column, or among the table's own."""
        name = self.name(table)
        if index.flagged and index.columns[0] in table.columns:
            return self.of_column(table.columns[index.columns[0]])
        for mapper in self.mappers(table)[:1]:
            arguments = self.attribute(mapper.class_, "__table_args__")
            call = arguments.call_with(index.name, index.columns) if arguments else None
            return Place(name, None, call or arguments or self._first_line(mapper.class_))
        return Place(name, None, self._assigned(table))

    def of_metadata(self, metadata: MetaData) -> Place:
        """Where a metadata is declared: the base class that has it, or its own line."""
        for name, value, module in self._globals():
            if value is metadata:
                return Place(name, self._in_module(module, name))
            if isinstance(value, type) and value.__dict__.get("metadata") is metadata:
                place = self.attribute(value, "metadata") or self._first_line(value)
                return Place(value.__name__, place)
        return Place("metadata", None)

    def of_base(self, metadata: MetaData) -> Place:
        """Where the base class of the classes mapped to a metadata is declared."""
        for mapper in self.models.mappers:
            table = mapper.local_table
            if isinstance(table, Table) and table.metadata is metadata:
                bases = [each for each in mapper.class_.__mro__ if hasattr(each, "metadata")]
                own = [each for each in bases if _top(each.__module__) in self._own]
                return Place(own[-1].__name__, self._first_line(own[-1]))
        return self.of_metadata(metadata)

    def attribute(self, owner: type, name: str) -> Written | None:
        """The statement that gives a class, or one it inherits from, an attribute."""
        for each in owner.__mro__:
            file = self._file_of(each.__module__)
            found = file.classes.get(each.__qualname__) if file is not None else None
            for statement in found.body if found is not None else ():
                if file is not None and name in names(statement):
                    return file.written(statement)
        return None

    def _first_line(self, owner: type) -> Written | None:
        file = self._file_of(owner.__module__)
        node = file.classes.get(owner.__qualname__) if file is not None else None
        if file is None or node is None:
            return None
        return file.first_line(node)

    def _assigned(self, table: Table, column: Column[object] | None = None) -> Written | None:
        """The line that makes a table without a class, or one column of it."""
        holder = self._tables.get(table)
        if holder is None:
            return None
        name, module = holder
        file = self._file_of(module)
        node = assignment(file.tree, name) if file is not None else None
        if file is None or node is None:
            return None
        call = column_call(node, column.name) if column is not None else None
        if call is not None:
            return file.written(call)
        return file.first_line(node)

    @cached_property
    def _tables(self) -> dict[Table, tuple[str, str]]:
        """Which name of which module holds a table."""
        return {
            value: (name, module.__name__)
            for name, value, module in self._globals()
            if isinstance(value, Table)
        }

    def _globals(self) -> Iterator[tuple[str, object, ModuleType]]:
        for module in [*sys.modules.values()]:
            if isinstance(module, ModuleType) and _top(module.__name__) in self._own:
                yield from ((name, value, module) for name, value in [*vars(module).items()])

    @cached_property
    def _own(self) -> frozenset[str]:
        """The top-level packages the models are in."""
        named = {_top(each.spec.partition(":")[0]) for each in self.models.sources}
        classes = {_top(each.class_.__module__) for each in self.models.mappers}
        return frozenset(named | {each for each in classes if not _is_installed(each)})

    def _is_own(self, table: Table) -> bool:
        found = self.mappers(table)
        return not found or _top(found[0].class_.__module__) in self._own

    def _in_module(self, module: ModuleType, name: str) -> Written | None:
        file = self._file_of(module.__name__)
        node = assignment(file.tree, name) if file is not None else None
        return file.written(node) if file is not None and node is not None else None

    def _file_of(self, module: str) -> File | None:
        if module not in self._files:
            self._files[module] = self._read(module)
        return self._files[module]

    def _read(self, module: str) -> File | None:
        name = getattr(sys.modules.get(module), "__file__", None)
        if _top(module) not in self._own or name is None:
            return None
        path = Path(name)
        shown = path.relative_to(self.here) if path.is_relative_to(self.here) else path
        return read(path, str(shown))


def _key(mapper: "Mapper[object]", column: Column[object]) -> str | None:
    """The attribute of a class behind which a column stands."""
    try:
        return mapper.get_property_by_column(column).key
    except SQLAlchemyError:
        return None


def _top(module: str) -> str:
    return module.partition(".")[0]


def _is_installed(package: str) -> bool:
    name = getattr(sys.modules.get(package), "__file__", None)
    return name is not None and bool(_INSTALLED & set(Path(name).parts))
