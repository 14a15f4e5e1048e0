"""What a column stores when only its own type knows: put objects through the type and look."""

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import ipaddress
import json
import types
import typing
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Enum, LargeBinary, PickleType, String, TypeDecorator
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import JSON, Interval, TypeEngine

from dbtool.seed.plain import STYLES, Draw
from dbtool.seed.specimen import NoSpecimenError, hints_of, specimen
from dbtool.seed.values import escaped

Takes = Callable[[Any], bool]
"""Whether a mapped attribute takes an object."""


def _anything(_: Any) -> bool:
    return True


_VARIANTS = 8
_SENT = (
    *(str, bytes, bytearray, memoryview, bool, int, float, dict, list, decimal.Decimal),
    *(dt.date, dt.time, dt.timedelta, uuid.UUID, ipaddress.IPv4Address, ipaddress.IPv6Address),
)
"""What drivers are given; of other objects only a name would be stored."""
_GUESSES = (str, dict, list, bytes, int, float, bool)


def is_opaque(kind: TypeEngine[Any]) -> bool:
    """Whether the type turns values into something of its own on their way to the column."""
    if not isinstance(kind, TypeDecorator) or isinstance(kind, Interval):
        return False
    if isinstance(kind, PickleType):
        return True
    own = type(kind)
    converts = any(
        getattr(own, name) is not getattr(TypeDecorator, name)
        for name in ("process_bind_param", "process_result_value", "bind_processor")
    )
    return converts and not isinstance(innermost(kind), Enum)


def is_shaped(kind: TypeEngine[Any]) -> bool:
    """Whether what it stores is text, bytes or a document, of which anything may be demanded."""
    return isinstance(innermost(kind), String | LargeBinary | JSON)


def innermost(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The plain type below all decorators."""
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    return kind


def texts(
    kind: TypeEngine[Any], annotation: Any = None, plain: Any = None, takes: Takes = _anything
) -> tuple[str, ...]:
    """What the type stores for objects it takes and gives back, as COPY text; none if unknown.

    `annotation` is that of the mapped attribute, `plain` a value the models give as default,
    and `takes` whether the attribute takes an object.
    """
    if not is_opaque(kind):
        return _document(kind, annotation, plain, takes)
    tried: list[Any] = []
    for candidate in _candidates(kind, annotation, plain):
        if candidate in tried:
            continue
        tried.append(candidate)
        if found := _variants(kind, candidate, len(STYLES), takes):
            return found
    return ()


def _variants(kind: TypeEngine[Any], candidate: Any, styles: int, takes: Takes) -> tuple[str, ...]:
    """Several different texts, in the first style of which the type takes the first."""
    for style in range(styles):
        if _text(kind, candidate, Draw(0, style), takes) is not None:
            draws = (Draw(number, style) for number in range(_VARIANTS))
            made = (_text(kind, candidate, draw, takes) for draw in draws)
            return tuple(dict.fromkeys(text for text in made if text is not None))
    return ()


def _document(kind: TypeEngine[Any], annotation: Any, plain: Any, takes: Takes) -> tuple[str, ...]:
    """Documents of the shape the annotation names, or the empty list the models begin with."""
    shaped = annotation is not None and not _is_any_document(annotation)
    if shaped and (found := _variants(kind, annotation, 1, takes)):
        return found
    if not takes({}) and takes([]):
        return _variants(kind, list, 1, takes)
    text = as_text(plain) if isinstance(plain, list) else None
    return (text,) if text else ()


def _is_any_document(annotation: Any) -> bool:
    """Whether an annotation says no more than that it is some mapping."""
    parts = [each for each in typing.get_args(annotation) if each is not type(None)]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return all(_is_any_document(each) for each in parts)
    known = typing.get_origin(annotation) or annotation
    if known is dict or known is collections.abc.Mapping:
        return True
    return known in (Any, object, str) or not (isinstance(known, type) or parts)


def _candidates(kind: TypeEngine[Any], annotation: Any, plain: Any) -> Iterator[Any]:
    """Types of objects the column may want, the best known first."""
    own = type(kind)
    if annotation is not None:
        yield annotation
    if isinstance(kind, TypeDecorator):
        yield from _held(kind)
        for base in getattr(own, "__orig_bases__", ()):
            yield from typing.get_args(base)
        for name, key in (("process_bind_param", "value"), ("process_result_value", "return")):
            hint = hints_of(getattr(own, name)).get(key)
            if hint is not None and hint is not Any:
                yield hint
        yield from _followed(kind)
    if plain is not None:
        yield type(plain)
    if isinstance(kind, PickleType):
        yield dict
    yield from _GUESSES


def _held(kind: TypeEngine[Any]) -> Iterator[Any]:
    """Classes the type was made with: the enum, the pydantic model, the adapter's type."""
    for value in vars(kind).values():
        if (isinstance(value, type) and not issubclass(value, TypeEngine)) or typing.get_origin(
            value
        ) is not None:
            yield value
        elif hasattr(value, "validate_python") and hasattr(value, "_type"):
            yield value._type


def _followed(kind: TypeDecorator[Any]) -> Iterator[Any]:
    """What the functions that a type calls are annotated with, then the classes it names."""
    classes: list[type] = []
    own = type(kind)
    for method, key in ((own.process_bind_param, None), (own.process_result_value, "return")):
        for called in _named(method):
            if isinstance(called, type):
                classes.append(called)
            if not isinstance(called, types.FunctionType):
                continue
            first = next(iter(inspect.signature(called).parameters), "")
            hint = hints_of(called).get(key or first)
            if hint is not None and hint is not Any:
                yield hint
            classes += [each for each in _named(called) if isinstance(each, type)]
    yield from (each for each in dict.fromkeys(classes) if not issubclass(each, BaseException))


def _named(method: Any) -> list[Any]:
    """The globals that a function's code names."""
    code, known = getattr(method, "__code__", None), getattr(method, "__globals__", {})
    names = code.co_names if isinstance(code, types.CodeType) else ()
    return [known[name] for name in names if name in known]


def _text(kind: TypeEngine[Any], wanted: Any, draw: Draw, takes: Takes) -> str | None:
    """One value as COPY text, if the type takes it and reads its own result."""
    dialect = asyncpg_dialect(json_serializer=_document_text)  # type: ignore[no-untyped-call]
    try:
        value = specimen(wanted, draw)
        bind = kind.dialect_impl(dialect).bind_processor(dialect)
        stored = bind(value) if bind else value
        if value is None or not isinstance(stored, _SENT):
            return None
        read = kind.dialect_impl(dialect).result_processor(dialect, None)
        raw = stored
        if isinstance(stored, str) and isinstance(innermost(kind), JSON):
            # asyncpg reads documents before the type sees them.
            raw = json.loads(stored)
        given = read(raw) if read is not None else raw
        if given is None or not takes(given):
            return None
    except NoSpecimenError:
        return None
    except Exception:
        # Whatever the team's code raises: it does not take this.
        return None
    return as_text(stored)


def _document_text(document: Any) -> str:
    """A document as engines of applications write it: most of them know more than `json` does."""
    return json.dumps(document, ensure_ascii=False, default=_in_document)


def _in_document(value: Any) -> Any:
    """What stands in a document for an object."""
    if callable(dump := getattr(value, "model_dump", None)):
        return dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, enum.Enum):
        return value.value
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def as_text(stored: Any) -> str | None:
    """A value as a driver is given it, as COPY text; None for what has no plain text."""
    if isinstance(stored, bytes | bytearray | memoryview):
        return f"\\\\x{bytes(stored).hex()}"
    if isinstance(stored, bool):
        return "t" if stored else "f"
    if isinstance(stored, dict | list):
        return escaped(_document_text(stored))
    if isinstance(stored, str):
        return None if "\0" in stored else escaped(stored)
    return escaped(str(stored))
