"""Where `dbtool explain` has its statements from: the command line, a file, code or the server."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbtool.cli.inputs import STDIN, name_of, read
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbtool.cli.command import Call
    from dbtool.explain.run import How

_FILE = r"[\w./~-]+\.sql(:[\w.-]+)?"
_CODE = r"([^\W\d]\w*(?:\.[^\W\d]\w*)+):([^\W\d]\w*)"


def chosen(call: "Call", sources: "Mapping[str, Any]", how: "How") -> "tuple[str, How]":
    """The SQL to explain, wherever it is from, and what is known of its values and its file."""
    sql, queryid, activity = (sources[each] for each in ("a statement", "--queryid", "--activity"))
    if sources["--python"] is not None:
        return _compiled(call, sources["--python"], how)
    if queryid is not None or activity is not None:
        return _recorded(call, queryid, activity), how
    if sql is not None and sql != "-":
        return _no_name(sql), how
    text, name = _script(sources["-f"] or STDIN)
    return text, replace(how, file=name)


def values(path: Path | None) -> tuple[str, ...]:
    """The values of placeholders that a file gives."""
    if path is None:
        return ()
    from dbtool.explain import given

    return given.values(read(path), name_of(path))


def _no_name(sql: str) -> str:
    """The statement, unless it is the name of a file or of code: no statement looks like that."""
    code = re.fullmatch(_CODE, sql)
    if re.fullmatch(_FILE, sql) and not (code and _module(code[1]).exists()):
        raise _named(sql, "a file", f"-f {sql}")
    if code:
        raise _named(sql, "code", f"--python {code[1].removesuffix('.py')}:{code[2]}")
    return sql


def _module(name: str) -> Path:
    return Path(*name.split(".")).with_suffix(".py")


def _named(sql: str, meant: str, option: str) -> UsageError:
    return UsageError(
        f'"{sql}" is no statement but the name of {meant}', hint=f"dbtool explain {option}"
    )


def _compiled(call: "Call", spec: str, how: "How") -> "tuple[str, How]":
    """The SQL that the driver would send, with the values it would bind."""
    from dbtool import engine
    from dbtool.metadata import search_path

    if how.parameters:
        raise UsageError(
            "--python takes no --param: a statement of the application has its values",
            hint="Bind others in the code, as statement.params(name=…) does.",
        )
    directories = search_path(call.settings.project.root)
    compiled = engine.load_statement(spec, (Path.cwd(), *directories))
    return compiled.text, replace(how, bound=compiled.values)


def _recorded(call: "Call", queryid: int | None, pid: int | None) -> str:
    from dbtool.explain import recorded

    if queryid is not None:
        return recorded.by_queryid(call.target, queryid)
    return recorded.by_pid(call.target, pid or 0)


def _script(path: Path) -> tuple[str, str | None]:
    """The text of a file, or of the statement in it that is named behind a colon."""
    before, _, wanted = str(path).rpartition(":")
    if before and not path.exists():
        from dbtool.sql.named import only

        file = Path(before)
        return only(read(file), wanted, name_of(file)), str(file)
    return read(path), None if path == STDIN else str(path)
