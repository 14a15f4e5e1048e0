"""Python values as PostgreSQL reads them from text."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum


def as_text(value: object) -> str | None:
    """The input of a value's type; None is NULL."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Enum():
            return value.name
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            microseconds = value.microseconds + 1_000_000 * (value.seconds + 86_400 * value.days)
            return f"{microseconds} microseconds"
        case Mapping():
            return json.dumps(value, default=str)
        case list() | tuple() | set() | frozenset():
            return "{" + ",".join(_element(each) for each in value) + "}"
    return str(value)


def _element(value: object) -> str:
    if isinstance(value, list | tuple):
        return as_text(value) or "{}"
    text = as_text(value)
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
