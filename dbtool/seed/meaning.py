"""What the models add to the catalogue: enum values, discriminators, versions, opaque types."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Enum, LargeBinary, String, Table, TypeDecorator
from sqlalchemy.orm import Mapper
from sqlalchemy.types import JSON, TypeEngine

from dbtool.metadata import Models
from dbtool.sql.text import quoted


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the models say about one table."""

    sql_name: str
    columns: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opaque: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    inherits: str | None = None


def meanings(models: Models) -> tuple[Meaning, ...]:
    """One per table of the models, by name."""
    return tuple(_of_table(table, models.mappers) for table in models.tables)


def _of_table(table: Table, mappers: tuple[Mapper[object], ...]) -> Meaning:
    mapped = [mapper for mapper in mappers if mapper.local_table is table]
    types = {column.name: column.type for column in table.columns}
    labels = {name: found for name, kind in types.items() if (found := _labels(kind))}
    return Meaning(
        sql_name=sql_name(table),
        columns=tuple(types),
        labels={**labels, **_discriminators(table, mapped)},
        opaque={name: said for name, kind in types.items() if (said := _opaque(kind))},
        version=_version(mapped),
        inherits=_inherits(table, mapped),
    )


def sql_name(table: Table) -> str:
    """A table's quoted name, as the search path finds it."""
    parts = (table.schema, table.name) if table.schema else (table.name,)
    return ".".join(quoted(str(part)) for part in parts)


def _labels(kind: TypeEngine[object]) -> tuple[str, ...]:
    """The values an enum column stores, whether or not PostgreSQL knows it as one."""
    inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    return tuple(str(each) for each in inner.enums) if isinstance(inner, Enum) else ()


def _opaque(kind: TypeEngine[object]) -> str:
    """The name of a type whose stored text only its own code can make."""
    if not isinstance(kind, TypeDecorator) or isinstance(kind.impl_instance, Enum):
        return ""
    own = type(kind)
    converts = (
        own.process_bind_param is not TypeDecorator.process_bind_param
        or own.process_result_value is not TypeDecorator.process_result_value
    )
    shaped = isinstance(kind.impl_instance, String | LargeBinary | JSON)
    return own.__name__ if converts and shaped else ""


def _version(mapped: list[Mapper[object]]) -> str | None:
    columns = [mapper.version_id_col for mapper in mapped if mapper.version_id_col is not None]
    return str(columns[0].name) if columns else None


def _discriminators(table: Table, mapped: list[Mapper[object]]) -> dict[str, tuple[str, ...]]:
    """The identities whose rows are complete in this one table."""
    for mapper in mapped:
        column = mapper.polymorphic_on
        if column is None or getattr(column, "table", None) is not table:
            continue
        whole = [
            str(identity)
            for identity, each in mapper.polymorphic_map.items()
            if set(each.tables) == {table}
        ]
        return {str(column.name): tuple(sorted(whole))}
    return {}


def _inherits(table: Table, mapped: list[Mapper[object]]) -> str | None:
    """The class whose table the rows of this one extend."""
    for mapper in mapped:
        parent = mapper.inherits
        if parent is not None and parent.local_table is not table and not mapper.concrete:
            return parent.class_.__name__
    return None
