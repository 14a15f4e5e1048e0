"""A report as one line of JSON."""

import json

from dbtool.report import Report, envelope


def dumps(value: dict[str, object]) -> str:
    """One JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, check_circular=False) + "\n"


def render(report: Report) -> str:
    """The report in the program's JSON envelope."""
    return dumps(envelope(report))
