"""The names that a plan uses: of functions, operators and types."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.explain.plan import Plan
from dbtool.sql.classify import unquoted

_CALL = re.compile(r'(?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*(?=\()')
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_TYPE = re.compile(r'::((?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*)')
_PART = re.compile(r'[\w$]+|"(?:[^"]|"")+"')
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
"""A name in quotes, which is kept, or a literal: what looks like a call in there is none."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Names that a plan's expressions use, without their schemas.

    `known` are functions' oids, `typed` of those that run wherever a value of a type is made;
    `views` names of what is read without being in the plan, as in SQL.
    """

    functions: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    known: tuple[int, ...] = ()
    typed: tuple[int, ...] = ()
    views: frozenset[str] = frozenset()


def mentioned(plan: Plan, functions: Iterable[str] = ()) -> Mentioned:
    """What a plan uses, also what views and policies brought in; `functions` are known to be."""
    shown = set(texts(plan))
    read = [_QUOTED.sub(r"\1", each) for each in shown]
    calls = (_bare(name) for each in read if "(" in each for name in _CALL.findall(each))
    return Mentioned(
        frozenset(calls).union(*map(endings, functions)),
        frozenset(name for each in read for name in _OPERATOR.findall(each)),
        frozenset(_bare(name) for each in read if "::" in each for name in _TYPE.findall(each)),
    )


def texts(plan: Plan) -> Iterator[str]:
    """All that a plan says in words, its expressions among them."""
    return _strings(value for node in plan.nodes for value in node.props.values())


def _strings(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _strings(value)
        elif isinstance(value, str):
            yield value


def _bare(name: str) -> str:
    """A name in a plan without its schema, as the server keeps it."""
    return unquoted(_PART.findall(name)[-1])


def endings(name: str) -> Iterator[str]:
    """What a name without quotes may be in its schema: a dot parts it, or is a part of it."""
    parts = name.split(".")
    return (".".join(parts[place:]) for place in range(len(parts)))
