"""Placeholders of every style, and the values given for them.

A statement copied from an application or a log has `$1`, `:name`, `%(name)s`, `%s` or `?` where
values belong. They are numbered first; later each is replaced by its value, cast to the type
that PostgreSQL infers for it, which plans as a bound value would.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import postgast
from postgast import pg_query_pb2 as pb

from dbtool.errors import UsageError
from dbtool.explain.given import InOrder
from dbtool.report import counted

MOST_PARAMETERS = 65_535
_OPERAND_ENDS = frozenset({pb.IDENT, pb.SCONST, pb.ICONST, pb.FCONST, pb.PARAM})
_CLOSING = frozenset({pb.ASCII_41, pb.ASCII_93})
_PERCENT = re.compile(rb"%\((\w+)\)s|%s(?!\w)")
_NAME = re.compile(rb":(?:([A-Za-z_]\w*)|'([A-Za-z_]\w*)')")
_NUMBERED = re.compile(r"\$?\d+=")
_GLUED = re.compile(rb"([-+*/=<>!]+)([?%])$")
"""A comparison written right before a placeholder; the scanner takes both as one operator."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement whose placeholders are `$1`, `$2`, …

    `names` are the placeholders as they were written, in the order of their numbers.
    """

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    name: str


def number(text: str) -> Numbered:
    """Number the placeholders of one statement; text that does not scan is left alone."""
    try:
        marks = tuple(_marks(text.encode()))
    except (postgast.PgQueryError, UnicodeEncodeError):
        return Numbered(text, ())
    if marks and all(mark.name.startswith("$") for mark in marks):
        highest = max(int(mark.name[1:]) for mark in marks)
        if highest > MOST_PARAMETERS:
            raise UsageError(
                f"the statement has a parameter ${highest}",
                detail=f"PostgreSQL takes at most {MOST_PARAMETERS:,} parameters.",
            )
        return Numbered(text, tuple(f"${place}" for place in range(1, highest + 1)))
    return _numbered(text, marks)


def _numbered(text: str, marks: tuple[_Mark, ...]) -> Numbered:
    encoded, parts, done = text.encode(), [], 0
    names: list[str] = []
    doubles = any(encoded.startswith(b"%", mark.start) for mark in marks)
    for mark in marks:
        if mark.name in ("?", "%s") or mark.name not in names:
            names.append(mark.name)
            place = len(names)
        else:
            place = names.index(mark.name) + 1
        parts += [encoded[done : mark.start], b"$%d" % place]
        done = mark.end
    parts.append(encoded[done:])
    if doubles:
        # Beside %s the driver takes %% for one %, in literals as well.
        parts = [part.replace(b"%%", b"%") for part in parts]
    return Numbered(b"".join(parts).decode(), tuple(names))


def _marks(encoded: bytes) -> Iterator[_Mark]:
    tokens = postgast.scan(encoded.decode()).tokens
    end = 0
    for before, token in pairwise([None, *tokens]):
        assert token is not None
        mark = None if token.start < end else _mark(encoded, before, token)
        if mark:
            end = mark.end
            yield mark


def _mark(encoded: bytes, before: "pb.ScanToken | None", token: "pb.ScanToken") -> _Mark | None:
    written, start = encoded[token.start : token.end], int(token.start)
    after_operand = _ends_operand(before)
    if token.token == pb.PARAM:
        return _Mark(start, int(token.end), written.decode())
    if glued := _GLUED.match(written):
        written, start, after_operand = glued[2], start + glued.start(2), False
    if written == b"?" and not after_operand:
        return _Mark(start, start + 1, "?")
    if written == b"%" and (found := _PERCENT.match(encoded, start)):
        return _Mark(start, found.end(), found[1].decode() if found[1] else "%s")
    if written == b":" and (found := _NAME.match(encoded, start)):
        touches = before is not None and before.end == start
        if not (touches and after_operand):
            return _Mark(start, found.end(), (found[1] or found[2]).decode())
    return None


def _ends_operand(token: "pb.ScanToken | None") -> bool:
    """Whether what stands before makes the next `?` or `:` an operator or a slice."""
    return token is not None and (token.token in _OPERAND_ENDS or token.token in _CLOSING)


def assign(names: Sequence[str], given: Sequence[str]) -> tuple[str | None, ...]:
    """The value for each placeholder; raises UsageError where they do not fit."""
    if any(map(_is_name, names)):
        values = _by_name(names, given)
    elif names and names[0] == "$1" and given and all(map(_is_numbered, given)):
        values = _by_name(names, [f"${each.removeprefix('$')}" for each in given])
    else:
        values = list(given)
    if len(values) != len(names):
        raise _missing(names, given)
    return tuple(None if value == "NULL" else value for value in values)


def _is_numbered(value: str) -> bool:
    return not isinstance(value, InOrder) and _NUMBERED.match(value) is not None


def _is_name(placeholder: str) -> bool:
    return placeholder[0] not in "$?%"


def _by_name(names: Sequence[str], given: Sequence[str]) -> list[str]:
    pairs = dict(
        each.partition("=")[::2] for each in given if "=" in each and not isinstance(each, InOrder)
    )
    if unknown := sorted(set(pairs) - set(names)):
        raise UsageError(
            f'the statement has no parameter "{unknown[0]}"',
            detail=f"Its parameters are {', '.join(names)}.",
        )
    if any("=" not in each or isinstance(each, InOrder) for each in given):
        raise _nameless(names)
    if any(name not in pairs for name in names) or len(pairs) < len(given):
        raise _missing(names, given)
    return [pairs[name] for name in names]


def _nameless(names: Sequence[str]) -> UsageError:
    """The value itself stays untold: it may be one that nobody should read."""
    return UsageError(
        "a parameter of the statement has a name, and a value was given without one",
        detail=f"Its parameters are {', '.join(names)}; --param takes NAME=VALUE.",
        hint=f"Write {_example(names)}",
    )


def _example(names: Sequence[str]) -> str:
    return " ".join(f"--param {name}=…" if _is_name(name) else "--param …" for name in names)


def _missing(names: Sequence[str], given: Sequence[str]) -> UsageError:
    have = f"{len(given)} given" if given else "none given"
    return UsageError(
        f"the statement has {counted(len(names), 'parameter')}, {have}",
        detail=f"{', '.join(names)}: the plan depends on the values. --sample finds some,"
        " --generic plans for any."
        if names
        else "",
        hint=f"Add {_example(names)}" if names else "Leave --param out.",
    )


def bind(text: str, values: Sequence[str | None], types: Sequence[str]) -> str:
    """The statement with each `$n` replaced by its value, cast to its type."""
    encoded, parts, done = text.encode(), [], 0
    for token in postgast.scan(text).tokens:
        if token.token == pb.PARAM:
            place = int(encoded[token.start + 1 : token.end]) - 1
            literal = _literal(values[place], types[place])
            parts += [encoded[done : token.start], literal.encode()]
            done = token.end
    parts.append(encoded[done:])
    return b"".join(parts).decode()


def _literal(value: str | None, type_name: str) -> str:
    if value is None:
        return f"CAST(NULL AS {type_name})"
    escaped = value.replace("'", "''")
    if "\\" in value:
        escaped = escaped.replace("\\", "\\\\")
        return f"CAST(E'{escaped}' AS {type_name})"
    return f"CAST('{escaped}' AS {type_name})"
