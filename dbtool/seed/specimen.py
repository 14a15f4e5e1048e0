"""Objects of the team's own types, built from annotations alone: what their columns hold."""

import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_DEPTH = 6
STYLES = (
    "value {n}",
    "value-{n}",
    "value_{n}",
    "https://www.example.com/{n}",
    "user{n}@example.com",
    "2026-01-01T00:00:00Z",
    "#33669{n}",
    "{n}",
    "{n}.0.0",
    "00000000-0000-4000-8000-00000000000{n}",
    "0 {n} * * *",
    "UTC",
    "{{}}",
    "[]",
)
"""How text may have to look: plain, a name, an address, a time, a color, a number ..."""

_PLAIN: Mapping[type, Callable[[int], object]] = {
    bool: lambda n: n % 2 == 0,
    int: lambda n: n + 1,
    float: lambda n: n + 0.5,
    str: lambda n: f"value {n + 1}",
    bytes: lambda n: b"value %d" % (n + 1),
    decimal.Decimal: lambda n: decimal.Decimal(n + 1),
    dt.datetime: lambda n: dt.datetime(2026, 1, 1 + n % 28, tzinfo=dt.UTC),
    dt.date: lambda n: dt.date(2026, 1, 1 + n % 28),
    dt.time: lambda n: dt.time(n % 24),
    dt.timedelta: lambda n: dt.timedelta(minutes=n + 1),
    uuid.UUID: lambda n: uuid.UUID(int=(n + 1) | 4 << 76 | 8 << 60),
    pathlib.Path: lambda n: pathlib.Path(f"file-{n + 1}"),
    type(None): lambda _: None,
    dict: lambda n: {"number": n + 1},
    list: lambda n: [f"value {n + 1}"],
    set: lambda n: {f"value {n + 1}"},
    tuple: lambda n: (f"value {n + 1}",),
}


class NoSpecimenError(Exception):
    """Nothing of this type can be built from what is known of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Draw:
    """Which of the objects of a type is wanted: its number, and how text in it looks."""

    number: int = 0
    style: int = 0
    depth: int = _DEPTH

    @property
    def inner(self) -> "Draw":
        """The same for what an object holds."""
        return dataclasses.replace(self, depth=self.depth - 1)

    @property
    def text(self) -> str:
        """Text in the style."""
        return STYLES[self.style % len(STYLES)].format(n=self.number + 1)


def specimen(kind: Any, draw: Draw) -> Any:
    """An object of a type; raises NoSpecimenError."""
    if draw.depth == 0:
        raise NoSpecimenError
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _annotated(arguments, draw)
    if origin is typing.Literal:
        return arguments[draw.number % len(arguments)]
    if origin in (typing.Union, types.UnionType):
        return _first_of(arguments, draw)
    if origin is not None:
        return _generic(origin, arguments, draw)
    if isinstance(kind, typing.TypeVar | typing.ForwardRef | str) or kind is Any:
        return draw.text
    return _of_class(kind, draw)


def _annotated(arguments: tuple[Any, ...], draw: Draw) -> Any:
    """The plain type's object, or the least one its limits allow."""
    made = specimen(arguments[0], draw)
    return within(made, arguments[1:])


def within(made: Any, limits: typing.Iterable[Any]) -> Any:
    """A number or text moved into limits as pydantic's annotations state them."""
    for limit in limits:
        if isinstance(made, int | float | decimal.Decimal) and not isinstance(made, bool):
            for name, step in (("ge", 0), ("gt", 1)):
                if (bound := getattr(limit, name, None)) is not None and made < bound + step:
                    made = type(made)(bound + step)
            for name, step in (("le", 0), ("lt", 1)):
                bound = getattr(limit, name, None)
                if bound is not None and made > bound - (step if isinstance(made, int) else 0):
                    made = type(made)(bound - (step if isinstance(made, int) else 0))
        elif isinstance(made, str):
            if (least := getattr(limit, "min_length", None)) is not None:
                made = made.ljust(least, "x")
            if (most := getattr(limit, "max_length", None)) is not None:
                made = made[:most]
    return made


def _first_of(arguments: tuple[Any, ...], draw: Draw) -> Any:
    """The first alternative that can be built; None is the last resort."""
    for argument in sorted(arguments, key=lambda each: each is type(None)):
        try:
            return specimen(argument, draw.inner)
        except NoSpecimenError:
            continue
    raise NoSpecimenError


def _generic(origin: Any, arguments: tuple[Any, ...], draw: Draw) -> Any:
    if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
        key = specimen(arguments[0], draw.inner)
        return {key: specimen(arguments[1], draw.inner)}
    if origin is tuple:
        members = [each for each in arguments if each is not Ellipsis]
        return tuple(specimen(each, draw.inner) for each in members)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Iterable):
        made = [specimen(arguments[0], draw.inner)]
        return origin(made) if origin in (set, frozenset, list) else made
    return specimen(origin, draw.inner)


def _of_class(kind: Any, draw: Draw) -> Any:
    if not isinstance(kind, type):
        raise NoSpecimenError
    if issubclass(kind, enum.Enum):
        members = list(kind)
        if not members:
            raise NoSpecimenError
        return members[draw.number % len(members)]
    if kind is str:
        return draw.text
    if kind in _PLAIN:
        return _PLAIN[kind](draw.number)
    for maker in (_of_pydantic, _of_dataclass, _of_fields):
        made = maker(kind, draw)
        if made is not None:
            return made
    for plain in (str, int, float, dict, list):
        if issubclass(kind, plain):
            return _called(kind, (draw.text if plain is str else _PLAIN[plain](draw.number),), {})
    raise NoSpecimenError


def _of_pydantic(kind: type, draw: Draw) -> Any:
    """A model with its required fields; a field that is refused gets text of another style."""
    fields = getattr(kind, "model_fields", None)
    if not isinstance(fields, Mapping):
        return None
    styles: dict[str, int] = {}
    for _ in STYLES:
        values = {}
        for name, field in fields.items():
            if field.is_required():
                key = getattr(field, "alias", None) or name
                style = draw.style + styles.get(key, 0)
                made = specimen(field.annotation, dataclasses.replace(draw.inner, style=style))
                values[key] = within(made, field.metadata)
        try:
            return kind(**values)
        except Exception as error:
            # The team's own validation refuses what the annotations allow.
            refused = _refused(error) & values.keys()
            if not refused:
                raise NoSpecimenError from error
            styles |= {name: styles.get(name, 0) + 1 for name in refused}
    raise NoSpecimenError


def _refused(error: Exception) -> set[str]:
    """The fields a validation error is about."""
    told = getattr(error, "errors", None)
    found = told() if callable(told) else ()
    return {str(each["loc"][0]) for each in found if each.get("loc")}


def _of_dataclass(kind: type, draw: Draw) -> Any:
    if not dataclasses.is_dataclass(kind):
        return None
    hints = hints_of(kind)
    missing = dataclasses.MISSING
    values = {
        field.name: specimen(hints.get(field.name, str), draw.inner)
        for field in dataclasses.fields(kind)
        if field.init and field.default is missing and field.default_factory is missing
    }
    return _called(kind, (), values)


def _of_fields(kind: type, draw: Draw) -> Any:
    """TypedDict and NamedTuple: nothing but their hints."""
    if typing.is_typeddict(kind):
        required: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
        hints = hints_of(kind)
        return {name: specimen(hints[name], draw.inner) for name in sorted(required)}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = hints_of(kind)
        values = {name: specimen(hint, draw.inner) for name, hint in hints.items()}
        return _called(kind, (), values)
    return None


def _called(kind: type, arguments: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
    try:
        return kind(*arguments, **values)
    except Exception as error:
        # The team's own validation refuses what the annotations allow.
        raise NoSpecimenError from error


def hints_of(thing: Any) -> dict[str, Any]:
    """The resolved annotations of a class or function; none where they do not resolve."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:
        # Names that are imported for type checkers only.
        return {}
