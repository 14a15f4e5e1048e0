"""Alembic code that changes the rows of a large table a few at a time."""

import re

from dbtool.lint.code.calls import autocommit, indent, literally, sql_name, string
from dbtool.lint.schema import Name

_TOKEN = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/
  | [()] | \b(?:FROM|USING|RETURNING|WHERE)\b
    """,
    re.S | re.I | re.X,
)
"""What the condition is found by: words in quotes and comments are none, nor those in brackets."""
_NAME = r"""(?:[^\s"]|"[^"]*")+"""
_PLAIN_UPDATE = re.compile(rf"UPDATE\s+(?:ONLY\s+)?{_NAME}\s+SET\s", re.I)
_PLAIN_DELETE = re.compile(rf"DELETE\s+FROM\s+(?:ONLY\s+)?{_NAME}(?:\s+WHERE\s|\s*\Z)", re.I)
_QUERY = re.compile(r"\bselect\b", re.I)


def in_batches(sql: str, table: Name, key: str, size: int = 1000) -> str | None:
    """An UPDATE or DELETE along the table's key, each batch in a transaction of its own.

    None for a statement with more in it than a table, values and a condition.
    """
    plain = _PLAIN_UPDATE.match(sql) or _PLAIN_DELETE.match(sql)
    parts = _condition(sql) if plain else None
    if parts is None:
        return None
    change, condition = (_in_text(part) for part in parts)
    of, by = sql_name(table), sql_name(key)
    also = f" AND ({condition})" if condition else ""
    return _loop(
        f"WITH batch AS (\n"
        f"    SELECT {by} FROM {of} WHERE {by} >= :start ORDER BY {by} LIMIT {size}\n"
        f"), changed AS (\n"
        f"    {change}\n"
        f"    WHERE {by} IN (SELECT {by} FROM batch){also}\n"
        f")\n"
        f"SELECT {by} FROM {of}\n"
        f"WHERE {by} > (SELECT {by} FROM batch ORDER BY {by} DESC LIMIT 1)\n"
        f"ORDER BY {by} LIMIT 1",
        f"SELECT {by} FROM {of} ORDER BY {by} LIMIT 1",
    )


def reads_nothing_else(sql: str) -> bool:
    """Whether an UPDATE takes what it writes from the rows it changes alone."""
    plain = _PLAIN_UPDATE.match(sql) and not _QUERY.search(sql)
    return bool(plain) and _condition(sql) is not None


def _loop(batch: str, first: str) -> str:
    loop = (
        f"start = op.get_bind().scalar(sa.text({string(first)}))\n"
        "while start is not None:\n"
        '    start = op.get_bind().scalar(batch, {"start": start})'
    )
    return f'batch = sa.text(\n    """\n{indent(batch)}\n    """\n)\n{autocommit(loop)}'


def _in_text(sql: str) -> str:
    """SQL as it stands in `sa.text`, where a colon begins a parameter."""
    return literally(sql).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _condition(sql: str) -> tuple[str, str] | None:
    """What comes before WHERE and what behind it; None where there is more than that."""
    depth, where = 0, None
    for token in _TOKEN.finditer(sql):
        text = token.group()
        depth += (text == "(") - (text == ")")
        word = text.upper() if depth == 0 else ""
        if word in ("FROM", "USING", "RETURNING") and not _is_deletes(sql, token.start()):
            return None
        if word == "WHERE":
            where = token
    if where is None:
        return sql.strip(), ""
    return sql[: where.start()].strip(), sql[where.end() :].strip()


def _is_deletes(sql: str, at: int) -> bool:
    """Whether a FROM is the one of DELETE FROM."""
    return re.fullmatch(r"DELETE\s+", sql[:at], re.I) is not None
