"""The pieces of Alembic code: names and text as literals, calls, blocks, deploy boundaries."""

import re

from dbtool.lint.schema import Name
from dbtool.sql.text import quoted

WIDTH = 88
NEXT = "# next revision"
KEPT = "# op.add_column stays, without its "
"""What a proposal begins with that is about a part of such a call: `--fix` keeps the rest."""
_PARAMETER = re.compile(r":(?<![:\w\x5c]:)(\w+)(?!:)")
"""Looked for by its colon, which is found in a fraction of the time of what stands before one."""


def indent(text: str) -> str:
    """Each line that is not empty, one level further in."""
    return "\n".join([f"    {line}" if line.strip() else line for line in text.split("\n")])


def string(text: str) -> str:
    """A text as a Python literal on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def final(name: str) -> str:
    """A constraint's name as it is: the models' naming convention would change a plain text."""
    return f"op.f({string(name)})"


def schema_of(name: Name) -> str:
    """The argument that names the schema, with its comma, or nothing."""
    return f", schema={string(name.schema)}" if name.schema else ""


def sql_name(name: Name | str) -> str:
    """A name as SQL writes it, in quotes only where it needs them to be read back."""
    if isinstance(name, str):
        return quoted(name) if name else ""
    return ".".join([quoted(part) for part in name if part])


def call(function: str, *arguments: str) -> str:
    """A call of `op`; one that is too wide for a line is broken after its parenthesis."""
    whole = f"op.{function}({', '.join(arguments)})"
    if len(whole) <= WIDTH or "\n" in whole:
        return whole
    return f"op.{function}(\n" + "".join(f"    {each},\n" for each in arguments) + ")"


def execute(sql: str) -> str:
    """`op.execute` of one statement; a long one stands on lines of its own."""
    sql = literally(sql)
    if "\n" not in sql and len(sql) <= WIDTH - 14:
        return f"op.execute({string(sql)})"
    escaped = sql.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'op.execute(\n    """\n{indent(escaped)}\n    """\n)'


def literally(sql: str) -> str:
    """SQL for `sa.text`, which takes a word behind a colon for a parameter."""
    return _PARAMETER.sub(_escaped, sql) if ":" in sql else sql


def _escaped(parameter: re.Match[str]) -> str:
    return f"\\:{parameter[1]}"


def autocommit(*code: str) -> str:
    """Code outside of the revision's transaction, where each statement commits by itself."""
    body = indent("\n".join(code))
    return f"with op.get_context().autocommit_block():\n{body}"


def chain(*revisions: str) -> str:
    """The code of several revisions, each deployed after the one before it."""
    return f"\n{NEXT}\n".join(revisions)


def sql_string(text: str) -> str:
    """A text as an SQL constant."""
    return "'" + text.replace("'", "''") + "'"
