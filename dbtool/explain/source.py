"""Read plans somebody already has, in any format EXPLAIN prints and any frame put around it."""

import json
import re
from collections.abc import Iterator
from typing import cast

from dbtool.errors import UsageError
from dbtool.explain import textplan
from dbtool.explain.build import Tree, build
from dbtool.explain.deepjson import loads
from dbtool.explain.frames import framed, logged, unframed
from dbtool.explain.plan import Plan

_HINT = "Save what EXPLAIN (ANALYZE, VERBOSE, BUFFERS, FORMAT JSON) prints and give that file."
_YAML = re.compile(r"\s*(?:- )?(?:Plan|Query Text):", re.M)


def read(text: str, name: str) -> tuple[Plan, ...]:
    """The plans in a text; `name` says where it is from. UsageError where it holds none."""
    if not text.strip():
        raise UsageError(f"{name} is empty", hint=_HINT)
    try:
        plans = tuple(build(document) for each in _chunks(text) for document in _read(each))
    except ValueError as error:
        raise UsageError(f"{name} holds no plan", detail=_told(error), hint=_HINT) from error
    if not plans:
        raise UsageError(f"{name} holds no plan", detail="it is an empty list", hint=_HINT)
    return plans


def _chunks(text: str) -> tuple[str, ...]:
    """The plans that a server logged or psql drew frames around, else the whole text."""
    return logged(text) or framed(text) or (text,)


def _read(text: str) -> Iterator[Tree]:
    try:
        yield from _documents(loads(text))
    except json.JSONDecodeError as error:
        bare = unframed(text)
        start = bare.lstrip()
        if start.startswith("<"):
            from dbtool.explain.xmlplan import documents as from_xml

            yield from from_xml(start)
        elif start[:1] in ("{", "["):
            if bare == text:
                raise
            yield from _documents(loads(bare))
        elif textplan.looks_like_one(bare):
            yield from textplan.documents(bare)
        elif _YAML.match(bare):
            from dbtool.explain.yamlplan import loads as from_yaml

            yield from _documents(from_yaml(bare))
        else:
            raise ValueError(
                "it is none of the formats EXPLAIN prints: text, JSON, YAML, XML"
            ) from error


def _documents(decoded: object) -> Iterator[Tree]:
    for each in decoded if isinstance(decoded, list) else [decoded]:
        inner = each.get("QUERY PLAN") if isinstance(each, dict) else None
        if inner is not None:
            yield from _documents(loads(inner) if isinstance(inner, str) else inner)
        elif isinstance(each, dict) and isinstance(each.get("Plan"), dict):
            yield cast(Tree, each)
        elif isinstance(each, dict) and "Node Type" in each:
            yield {"Plan": each}
        else:
            raise ValueError('there is no "Plan" where EXPLAIN puts one')


def _told(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    return str(error)
