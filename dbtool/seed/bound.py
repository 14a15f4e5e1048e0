"""Values of seed files as the columns of the models store them."""

import json
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Enum, TypeDecorator
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import ARRAY, JSON, TypeEngine

from dbtool.seed.document import Items, Node, Scalar, near, plain_value, refuse

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]


def stored(column: "Column[Any]", node: Node, *, raw: bool = False) -> str | None:
    """The text the server reads as the value of a column; None is NULL.

    Values pass through the type's own bind processor, as those of the application do. `raw`
    is for CSV, whose fields hold documents and arrays as the server writes them.
    """
    kind = column.type
    if _is_null(node):
        return None
    inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(kind, TypeDecorator) and _binds(kind):
        return _decorated(column, kind, node, raw)
    if isinstance(inner, Enum):
        return _label(column, inner, _scalar(column, node).text, node)
    if isinstance(node, Scalar) and (raw or not isinstance(inner, JSON)):
        return node.text
    if isinstance(inner, JSON):
        return json.dumps(plain_value(node), ensure_ascii=False)
    if isinstance(inner, ARRAY) and isinstance(node, Items):
        return _array(column, inner, node)
    return _scalar(column, node).text


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _scalar(column: "Column[Any]", node: Node) -> Scalar:
    if isinstance(node, Scalar):
        return node
    what = "a list" if isinstance(node, Items) else "a mapping"
    refuse(node.place, f"{column.table.name}.{column.name} takes one value, not {what}")


def _binds(kind: "TypeDecorator[Any]") -> bool:
    return type(kind).process_bind_param is not TypeDecorator.process_bind_param


def _decorated(
    column: "Column[Any]", kind: "TypeDecorator[Any]", node: Node, raw: bool
) -> str | None:
    inner = kind.impl_instance
    try:
        value = _python(inner, node, raw)
        made = kind.process_bind_param(value, _DIALECT)
    except Exception as error:
        # The type is the user's own code: whatever it raises is about this value.
        name = f"{column.table.name}.{column.name}"
        refuse(
            node.place,
            f"{type(kind).__name__} of {name} does not take this value",
            detail=f"{type(error).__name__}: {error}",
        )
    return _written(made, inner)


def _python(inner: TypeEngine[Any], node: Node, raw: bool) -> Any:
    """What the application would hand to the type."""
    if isinstance(inner, JSON):
        return json.loads(node.text) if raw and isinstance(node, Scalar) else plain_value(node)
    if not isinstance(node, Scalar):
        return plain_value(node)
    try:
        kind = inner.python_type
    except NotImplementedError:
        return node.text
    if kind is bool:
        return {"true": True, "t": True, "1": True}.get(node.text.lower(), False)
    if kind in (datetime, date, time):
        return kind.fromisoformat(node.text)
    if kind is bytes:
        return node.text.encode()
    return kind(node.text) if kind in (int, float, Decimal, UUID) else node.text


def _written(value: Any, inner: TypeEngine[Any]) -> str | None:
    """What a bind processor returned, as text."""
    if value is None:
        return None
    if isinstance(inner, JSON):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} seconds"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | set):
        return _literal(_written(each, inner) for each in value)
    if isinstance(value, PythonEnum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def text_of(column: "Column[Any]", value: Any) -> str | None:
    """A Python value, as the application would assign it, as the text the server reads."""
    kind = column.type
    inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(kind, TypeDecorator) and _binds(kind):
        value = kind.process_bind_param(value, _DIALECT)
    if isinstance(inner, Enum) and isinstance(value, PythonEnum):
        bind = inner.bind_processor(_DIALECT)  # type: ignore[no-untyped-call]
        value = bind(value) if bind else value.name
    return _written(value, inner)


def _label(column: "Column[Any]", kind: Enum, text: str, node: Node) -> str:
    """The label that is stored for what the file calls it: itself, or the member of the class."""
    if text in kind.enums:
        return text
    for member in kind.enum_class or ():
        if text in (member.name, str(member.value)):
            bind = kind.bind_processor(_DIALECT)  # type: ignore[no-untyped-call]
            return str(bind(member)) if bind else str(member.name)
    known = [str(label) for label in kind.enums]
    refuse(
        node.place, f'"{text}" is no value of {column.table.name}.{column.name}', near(text, known)
    )


def _array(column: "Column[Any]", kind: "ARRAY[Any]", node: Items) -> str:
    parts: list[str | None] = []
    for each in node.items:
        if isinstance(each, Items):
            parts.append(_array(column, kind, each))
        elif isinstance(kind.item_type, Enum) and isinstance(each, Scalar):
            parts.append(_label(column, kind.item_type, each.text, each))
        else:
            parts.append(None if _is_null(each) else _scalar(column, each).text)
    nested = any(isinstance(each, Items) for each in node.items)
    return "{" + ",".join(map(str, parts)) + "}" if nested else _literal(parts)


def _literal(parts: Iterable[str | None]) -> str:
    """The elements as PostgreSQL writes an array."""

    def element(part: str | None) -> str:
        if part is None:
            return "NULL"
        return '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return "{" + ",".join(map(element, parts)) + "}"
