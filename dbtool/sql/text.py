"""SQL as people read it: names in quotes where they need them, excerpts, layout, shape."""

import re
from functools import lru_cache

import postgast
from postgast import pg_query_pb2 as pb

from dbtool.errors import UsageError

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_NO_KEYWORD = 0
_UNRESERVED = 1
_TOKENS = frozenset(name.removesuffix("_P").lower() for name, _ in pb.Token.items())
"""Words that may be keywords; the scanner is asked about no other."""


class SqlSyntaxError(UsageError):
    """The SQL does not parse; says where."""

    def __init__(self, message: str, text: str, offset: int, first_line: int = 1) -> None:
        self.offset = offset
        self.line = first_line + text.count("\n", 0, offset)
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(
            f"{message} (line {self.line}, column {self.column})",
            detail=excerpt(text, offset, first_line),
        )


@lru_cache(maxsize=1024)
def quoted(name: str) -> str:
    """An identifier, in quotes where PostgreSQL needs them."""
    if _PLAIN.fullmatch(name):
        if name not in _TOKENS:
            return name
        (token,) = postgast.scan(name).tokens
        if token.keyword_kind in (_NO_KEYWORD, _UNRESERVED):
            return name
    return '"' + name.replace('"', '""') + '"'


def fingerprint(text: str) -> str:
    """A hash that is the same for statements which differ in literals and layout only."""
    return str(postgast.fingerprint(text).hex)


MOST_FORMATTED = 20_000
"""Characters beyond which a statement is left as it was written; the formatter has limits."""


def pretty(text: str) -> str:
    """The statement laid out for reading; unchanged where that could alter it."""
    if len(text) > MOST_FORMATTED:
        return text
    import sqlparse
    from sqlparse.exceptions import SQLParseError

    try:
        laid_out = sqlparse.format(text, reindent=True, keyword_case="upper")
        same = postgast.fingerprint(laid_out).hex == postgast.fingerprint(text).hex
    except (SQLParseError, RecursionError, postgast.PgQueryError):
        return text
    return laid_out if same else text


def excerpt(text: str, offset: int, first_line: int = 1, width: int = 72) -> str:
    """The line around an offset with a caret under it, as psql shows it."""
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[begin : end if end >= 0 else len(text)].replace("\t", " ")
    at = offset - begin
    cut = max(0, at - width * 2 // 3) if len(line) > width else 0
    shown = line[cut : cut + width]
    label = f"LINE {first_line + text.count(chr(10), 0, offset)}: "
    left, right = "…" if cut else "", "…" if cut + width < len(line) else ""
    pad = " " * (len(label) + len(left) + at - cut)
    return f"{label}{left}{shown}{right}\n{pad}^"
