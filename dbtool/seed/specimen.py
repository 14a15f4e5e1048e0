"""Objects of the team's own types, built from annotations alone: what their columns hold."""

import collections.abc
import contextlib
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from dbtool.seed.limits import stated, within
from dbtool.seed.plain import MOVING, PLAIN, STYLES, Draw

_QUALIFIERS = (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar)


class NoSpecimenError(Exception):
    """Nothing of this type can be built from what is known of it."""


def specimen(kind: Any, draw: Draw) -> Any:
    """An object of a type; raises NoSpecimenError."""
    if draw.depth == 0:
        raise NoSpecimenError
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _limited(arguments[0], arguments[1:], draw)
    if origin in _QUALIFIERS:
        return specimen(arguments[0], draw)
    if origin is typing.Literal:
        return arguments[draw.number % len(arguments)]
    if origin in (typing.Union, types.UnionType):
        return _first_of(arguments, draw)
    if origin is not None:
        return _generic(origin, arguments, draw)
    if isinstance(kind, typing.TypeVar | typing.ForwardRef | str) or kind in (Any, object):
        return draw.text
    for alias in ("__supertype__", "__value__"):
        if not isinstance(kind, type) and hasattr(kind, alias):
            return specimen(getattr(kind, alias), draw)
    return _of_class(kind, draw)


def _limited(kind: Any, limits: typing.Iterable[Any], draw: Draw) -> Any:
    """The plain type's object, moved into its limits; a list as long as they demand."""
    made, known = specimen(kind, draw), stated(limits)
    if isinstance(made, list) and len(made) < (least := known.get("min_length", 0)):
        draws = (dataclasses.replace(draw, number=draw.number + step) for step in range(least))
        return [member for each in draws for member in specimen(kind, each)]
    return within(made, known, draw.number)


def _first_of(arguments: tuple[Any, ...], draw: Draw) -> Any:
    """The first alternative that can be built, another one in each style; None if nothing can."""
    known = [each for each in arguments if each is not type(None)]
    first = draw.style % len(known)
    for argument in (*known[first:], *known[:first]):
        try:
            return specimen(argument, draw.inner)
        except NoSpecimenError:
            continue
    if len(known) < len(arguments):
        return None
    raise NoSpecimenError


def _generic(origin: Any, arguments: tuple[Any, ...], draw: Draw) -> Any:
    if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
        keys, values = _members(arguments[:1], draw), _members(arguments[1:], draw)
        return dict(zip(keys, values, strict=False))
    if origin is tuple:
        members = [each for each in arguments if each is not Ellipsis]
        return tuple(specimen(each, draw.inner) for each in members)
    if isinstance(origin, type) and issubclass(origin, collections.abc.Iterable):
        made = _members(arguments[:1], draw)
        return origin(made) if origin in (set, frozenset, list) else made
    return specimen(origin, draw.inner)


def _members(kinds: tuple[Any, ...], draw: Draw) -> list[Any]:
    """One object; none of a type that holds itself without end, or that nothing is known of."""
    try:
        return [specimen(each, draw.inner) for each in kinds]
    except NoSpecimenError:
        return []


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
    if kind in PLAIN:
        return PLAIN[kind](draw.number)
    for maker in (_of_pydantic, _of_dataclass, _of_fields, _of_base):
        made = maker(kind, draw)
        if made is not None:
            return made
    return _of_constructor(kind, draw)


def _of_base(kind: type, draw: Draw) -> Any:
    """A class of the team's own below a plain one; times are taken as they come."""
    for plain in (str, int, float, dict, list):
        if issubclass(kind, plain):
            return _called(kind, (draw.text if plain is str else PLAIN[plain](draw.number),), {})
    found = (PLAIN[each](draw.number) for each in MOVING if issubclass(kind, each))
    return next(found, None)


def _of_pydantic(kind: type, draw: Draw) -> Any:
    """A model with its required fields; a field that is refused gets text of another style.

    Fields whose default is another one each time get a value too: no run may differ.
    """
    fields = getattr(kind, "model_fields", None)
    if not isinstance(fields, Mapping):
        return None
    keys = {_key(name, field): field for name, field in fields.items()}
    moving = {key for key, field in keys.items() if _moves(field.default_factory)}
    styles = dict.fromkeys((key for key, field in keys.items() if field.is_required()), 0)
    for _ in STYLES:
        values = _made_of(keys, styles, draw.inner) | _possible(keys, moving, draw.inner)
        try:
            return kind(**values)
        except Exception as error:
            # The team's own validation refuses what the annotations allow.
            refused = _refused(error) or values.keys() & {"root"} or moving
            if not refused & values.keys():
                raise NoSpecimenError from error
            moving = moving - refused
            styles = {name: style + (name in refused) for name, style in styles.items()}
    raise NoSpecimenError


def _made_of(keys: Mapping[str, Any], styles: Mapping[str, int], draw: Draw) -> dict[str, Any]:
    """A value for each of some fields, each in a style of its own."""
    draws = {key: dataclasses.replace(draw, style=draw.style + styles[key]) for key in styles}
    return {key: _limited(keys[key].annotation, keys[key].metadata, draws[key]) for key in draws}


def _possible(keys: Mapping[str, Any], wanted: set[str], draw: Draw) -> dict[str, Any]:
    """Values for those of some fields that any can be made for."""
    found: dict[str, Any] = {}
    for key in sorted(wanted):
        with contextlib.suppress(NoSpecimenError):
            found |= _made_of(keys, {key: 0}, draw)
    return found


def _key(name: str, field: Any) -> str:
    """The name a model is given a field by."""
    alias = getattr(field, "validation_alias", None) or getattr(field, "alias", None)
    alias = next(iter(getattr(alias, "choices", ())), alias)
    return alias if isinstance(alias, str) else name


def _moves(factory: Any) -> bool:
    """Whether a default is another one each time: the time of day, chance, or a counter."""
    if factory is None or factory in (dict, list, set, tuple, frozenset):
        return False
    try:
        first = factory()
        return isinstance(first, MOVING) or bool(first != factory())
    except Exception:
        # It wants more than it can be given here.
        return False


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
        if field.init and field.default is missing
        if field.default_factory is missing or _moves(field.default_factory)
    }
    return _called(kind, (), values)


def _of_constructor(kind: type, draw: Draw) -> Any:
    """An object of any other class, by what its constructor asks for."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError) as error:
        raise NoSpecimenError from error
    wanted = [each for each in parameters if each.default is each.empty]
    hints = hints_of(kind.__init__)  # type: ignore[misc]
    arguments: list[Any] = []
    values: dict[str, Any] = {}
    for each in wanted:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            continue
        made = specimen(hints.get(each.name, str), draw.inner)
        if each.kind is each.POSITIONAL_ONLY:
            arguments.append(made)
        else:
            values[each.name] = made
    return _called(kind, tuple(arguments), values)


def _of_fields(kind: type, draw: Draw) -> Any:
    """TypedDict and NamedTuple: nothing but their hints."""
    required = getattr(kind, "__required_keys__", None)
    if required is not None:
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
