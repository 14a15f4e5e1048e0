"""What env.py's own compare_type and compare_server_default say of a column that differs."""

import re
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, ENUM
from sqlalchemy.types import NullType, TypeEngine

from dbtool import catalog as cat
from dbtool.errors import OperationError

_TYPE = re.compile(r"(?P<name>[^(\[]+?)\s*(?:\((?P<arguments>[\d,]+)\))?(?P<rest>[^(\[]*)")


def type_counts(
    context: MigrationContext, table: Table, item: "Column[Any]", live: cat.Column
) -> bool:
    """Whether another type is a difference: False, or a function that says so, means it is none."""
    asked: Any = context._user_compare_type
    if not callable(asked):
        return asked is not False
    inspected = _inspected(context, table, live)
    return _said("compare_type", asked, context, inspected, item, inspected.type, item.type)


def default_counts(
    context: MigrationContext, table: Table, item: "Column[Any]", live: cat.Column
) -> bool:
    """Whether another default is a difference; only a function of env.py's can say it is none."""
    asked: Any = context._user_compare_server_default
    if not callable(asked):
        return True
    inspected = _inspected(context, table, live)
    given = item.server_default
    written = str(getattr(given, "arg", "")) if given is not None else None
    arguments = (context, inspected, item, live.default, given, written)
    return _said("compare_server_default", asked, *arguments)


def _said(name: str, asked: Any, *arguments: object) -> bool:
    try:
        answer = asked(*arguments)
    except Exception as error:
        raise OperationError(
            f"{name} of env.py failed",
            detail=f"{type(error).__name__}: {error}",
            hint="It is asked of every column whose type or default differs.",
        ) from error
    return answer is None or bool(answer)


def _inspected(context: MigrationContext, table: Table, live: cat.Column) -> "Column[Any]":
    """The column of the database as reflection would give it."""
    default = text(live.default) if live.default and not live.generated else None
    column: Column[Any] = Column(
        live.name, type_of(context, live), nullable=not live.not_null, server_default=default
    )
    Table(table.name, MetaData(), column, schema=table.schema)
    return column


def type_of(context: MigrationContext, live: cat.Column) -> TypeEngine[Any]:
    """A type of SQLAlchemy for one the server prints; NullType where there is none."""
    if live.base.labels:
        return ENUM(*live.base.labels, name=live.type.rpartition(".")[2].strip('"'))
    known = context.dialect.ischema_names  # type: ignore[attr-defined]
    element = live.type.removesuffix("[]")
    found = _TYPE.fullmatch(element)
    kind = known.get(f"{found['name']}{found['rest']}".strip()) if found else None
    if found is None or kind is None:
        return NullType()
    numbers = [int(each) for each in (found["arguments"] or "").split(",") if each]
    try:
        if "time zone" in found["rest"] + found["name"]:
            made = kind(timezone="with time zone" in element)
        else:
            made = kind(*numbers)
    except TypeError:
        return NullType()
    return ARRAY(made) if element != live.type else made
