"""Read plans somebody already has."""

import json
import re
from collections.abc import Iterator
from typing import cast

from dbtool.errors import UsageError
from dbtool.explain.build import Tree, build
from dbtool.explain.deepjson import loads
from dbtool.explain.plan import Plan

_HINT = "Save what EXPLAIN (ANALYZE, VERBOSE, BUFFERS, FORMAT JSON) prints and give that file."
_TEXT_PLAN = re.compile(r"\(cost=[0-9.]+\.\.[0-9.]+ rows=|\(actual time=")
_FRAME = re.compile(r"[\s|]*(?:QUERY PLAN|[-+]{3,}|\(\d+ rows?\))[\s|]*")
_LINE_END = re.compile(r"\s*[+|↵]*\s*$")


def read(text: str, name: str) -> tuple[Plan, ...]:
    """The plans in a text; `name` says where it is from. UsageError where it holds none."""
    if not text.strip():
        raise UsageError(f"{name} is empty", hint=_HINT)
    try:
        documents = tuple(_documents(_decoded(text)))
        plans = tuple(build(document) for document in documents)
    except json.JSONDecodeError as error:
        raise _not_json(text, name, error) from error
    except ValueError as error:
        raise UsageError(f"{name} holds no plan", detail=str(error), hint=_HINT) from error
    if not plans:
        raise UsageError(f"{name} holds no plan", detail="it is an empty list", hint=_HINT)
    return plans


def _decoded(text: str) -> object:
    try:
        return loads(text)
    except json.JSONDecodeError:
        unframed = _unframed(text)
        if unframed == text:
            raise
        return loads(unframed)


def _unframed(text: str) -> str:
    """The text without the borders and line marks psql puts around a result."""
    lines = (line for line in text.splitlines() if not _FRAME.fullmatch(line))
    return "\n".join(_LINE_END.sub("", line).lstrip(" |") for line in lines)


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
            raise ValueError('it is JSON, but has no "Plan" where EXPLAIN puts one')


def _not_json(text: str, name: str, error: json.JSONDecodeError) -> UsageError:
    if _TEXT_PLAN.search(text):
        why = "it is a plan in text format; only FORMAT JSON can be read"
    else:
        why = f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    return UsageError(f"{name} holds no plan", detail=why, hint=_HINT)
