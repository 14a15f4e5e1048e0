"""What the models add to the catalogue: enum values, discriminators, versions, own types."""

import enum
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ARRAY, Column, Enum, Table
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.orm import Mapper, configure_mappers
from sqlalchemy.types import JSON, TypeEngine

from dbtool.metadata import Models
from dbtool.seed import stored
from dbtool.seed.checks import Bounds, Fact, Pattern
from dbtool.seed.specimen import hints_of
from dbtool.sql.text import quoted


@dataclass(frozen=True, slots=True)
class Kin:
    """Rows of another table that this one's extend: one each, where `column` says so.

    The discriminator is a column of `root`, the table at the top.
    """

    root: str
    column: str
    identities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the models say about one table.

    `stored` are texts only the column's own type could make, `opaque` names the types that
    took nothing they were offered, `defaults` are values the models give where none is set.
    """

    sql_name: str
    columns: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opaque: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    stored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    kin: Kin | None = None
    discriminators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def meanings(models: Models) -> tuple[Meaning, ...]:
    """One per table of the models, by name."""
    with suppress(SQLAlchemyError):
        # What is wrong with the mappers is for the application to say, when a class is used.
        configure_mappers()
    return tuple(_of_table(table, models.mappers) for table in models.tables)


def _of_table(table: Table, mappers: tuple[Mapper[object], ...]) -> Meaning:
    mapped = [mapper for mapper in mappers if mapper.local_table is table]
    labels = {c.name: found for c in table.columns if (found := _labels(c.type))}
    wanted = [c for c in table.columns if c.name not in labels and _asks_the_type(c)]
    hints = _annotations(mapped)
    kinds = _discriminators(table, mapped)
    made = {
        c.name: stored.texts(c.type, hints.get(c.name), _plain(c), _taker(mapped, c))
        for c in wanted
    }
    opaque = {
        c.name: type(c.type).__name__
        for c in wanted
        if not made[c.name] and stored.is_opaque(c.type) and stored.is_shaped(c.type)
    }
    return Meaning(
        sql_name=sql_name(table),
        columns=tuple(c.name for c in table.columns),
        labels={**labels, **kinds},
        opaque=opaque,
        version=_version(mapped),
        stored={name: texts for name, texts in made.items() if texts},
        defaults=_defaults(table),
        facts=tuple(_limits(mapped)),
        kin=_kin(table, mapped),
        discriminators=kinds,
    )


def sql_name(table: Table) -> str:
    """A table's quoted name, as the search path finds it."""
    parts = (table.schema, table.name) if table.schema else (table.name,)
    return ".".join(quoted(str(part)) for part in parts)


def _asks_the_type(column: Column[Any]) -> bool:
    """Whether the column's values are made by its type: it converts, or they are documents."""
    if column.foreign_keys or isinstance(column.type, ARRAY):
        return False
    return stored.is_opaque(column.type) or isinstance(stored.innermost(column.type), JSON)


def _labels(kind: TypeEngine[Any]) -> tuple[str, ...]:
    """The values an enum column stores, whether or not PostgreSQL knows it as one."""
    inner = stored.innermost(kind)
    inner = getattr(inner, "item_type", inner)
    return tuple(str(each) for each in inner.enums) if isinstance(inner, Enum) else ()


def _annotations(mapped: list[Mapper[object]]) -> dict[str, Any]:
    """For each column the type its attribute is annotated with, below `Mapped[...]`."""
    found: dict[str, Any] = {}
    for mapper in mapped:
        hints = hints_of(mapper.class_)
        for key, column in mapper.columns.items():
            hint = hints.get(key)
            if typing.get_origin(hint) is not None and "Mapped" in str(typing.get_origin(hint)):
                hint = typing.get_args(hint)[0]
            if hint is not None and hint is not Any:
                found[column.name] = hint
    return found


def _taker(mapped: list[Mapper[object]], column: Column[Any]) -> stored.Takes:
    """Whether an attribute that tracks changes takes an object; of others nothing is asked."""

    def takes(value: object) -> bool:
        for mapper in mapped:
            if column not in mapper.columns.values():
                continue
            try:
                made: Any = mapper.class_manager.new_instance()
                setattr(made, mapper.get_property_by_column(column).key, value)
            except ValueError as error:
                return "does not accept objects of type" not in str(error)
            except Exception:
                # The team's own code on assignment; loading does not call it.
                return True
        return True

    return takes


def _plain(column: Column[Any]) -> Any:
    """The value the models give a column where none is set, if it needs no statement to run."""
    default: Any = column.default
    if default is None or default.is_sequence or default.is_clause_element:
        return None
    if default.is_scalar:
        return default.arg
    try:
        return default.arg(None)
    except Exception:
        # The team's function wants more than it can be given here.
        return None


def _defaults(table: Table) -> dict[str, str]:
    """Constants the models give columns, as COPY text."""
    found: dict[str, str] = {}
    for column in table.columns:
        default: Any = column.default
        if default is None or not default.is_scalar or column.foreign_keys:
            continue
        value = default.arg.value if isinstance(default.arg, enum.Enum) else default.arg
        text = stored.as_text(value)
        if value is not None and text is not None and not stored.is_opaque(column.type):
            found[column.name] = text
    return found


def _limits(mapped: list[Mapper[object]]) -> list[Fact]:
    """What pydantic's annotations of SQLModel classes demand of single columns."""
    facts: list[Fact] = []
    for mapper in mapped:
        fields = getattr(mapper.class_, "model_fields", None)
        if not isinstance(fields, Mapping):
            continue
        for key, column in mapper.columns.items():
            for limit in getattr(fields.get(key), "metadata", ()):
                facts += _limited(str(column.name), limit)
    return list(dict.fromkeys(facts))


def _limited(name: str, limit: Any) -> list[Fact]:
    get = partial(getattr, limit)
    facts: list[Fact] = []
    if (low := get("ge", None)) is not None or (low := get("gt", None)) is not None:
        facts.append(Bounds(name, low=str(low), low_open=get("gt", None) is not None))
    if (high := get("le", None)) is not None or (high := get("lt", None)) is not None:
        facts.append(Bounds(name, high=str(high), high_open=get("lt", None) is not None))
    if (least := get("min_length", None)) is not None:
        facts.append(Bounds(name, low=str(least), length=True))
    if (most := get("max_length", None)) is not None:
        facts.append(Bounds(name, high=str(most), length=True))
    if isinstance(regex := get("pattern", None), str):
        facts.append(Pattern(name, regex))
    return facts


def _version(mapped: list[Mapper[object]]) -> str | None:
    columns = [mapper.version_id_col for mapper in mapped if mapper.version_id_col is not None]
    return str(columns[0].name) if columns else None


def _discriminators(table: Table, mapped: list[Mapper[object]]) -> dict[str, tuple[str, ...]]:
    """The identities rows of this table can have; those of joined tables get rows there too."""
    for mapper in mapped:
        column = mapper.polymorphic_on
        if column is None or getattr(column, "table", None) is not table:
            continue
        known = [
            _identity(column.type, identity)
            for identity, each in mapper.polymorphic_map.items()
            if identity is not None and not getattr(each, "polymorphic_abstract", False)
        ]
        if known:
            return {str(column.name): tuple(sorted(set(known)))}
    return {}


def _identity(kind: TypeEngine[Any], identity: Any) -> str:
    """A discriminator as its column stores it."""
    if isinstance(kind, Enum):
        try:
            return str(kind._db_value_for_elem(identity))  # type: ignore[no-untyped-call]
        except (LookupError, AttributeError):
            return str(getattr(identity, "name", identity))
    return str(identity.value if isinstance(identity, enum.Enum) else identity)


def _kin(table: Table, mapped: list[Mapper[object]]) -> Kin | None:
    """The table whose rows those of this one extend, and with which identities."""
    for mapper in mapped:
        parent = mapper.inherits
        if parent is None or parent.local_table is table or mapper.concrete:
            continue
        column = mapper.polymorphic_on
        if column is None or not isinstance(getattr(column, "table", None), Table):
            return None
        try:
            below = [each for each in mapper.self_and_descendants if table in each.tables]
        except InvalidRequestError:
            return None
        identities = [
            _identity(column.type, each.polymorphic_identity)
            for each in below
            if each.polymorphic_identity is not None
        ]
        return Kin(sql_name(column.table), str(column.name), tuple(sorted(set(identities))))
    return None
