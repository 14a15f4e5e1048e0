"""Write proposals into the text of a revision: calls of its `upgrade`, and nothing around them."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Sequence

from dbtool.finding import Finding
from dbtool.lint.code import execute
from dbtool.lint.fixing.calls import Calls, Site
from dbtool.lint.fixing.mechanical import in_one
from dbtool.lint.fixing.place import Edit, Mended, NotMechanical, Result, applied, check_texts
from dbtool.statement import Migration, Statement

_SETS_DEFAULT = re.compile(r"ALTER TABLE .* ALTER COLUMN .* SET DEFAULT ", re.S)
_IMPORTS = {
    "sa": "import sqlalchemy as sa",
    "postgresql": "from sqlalchemy.dialects import postgresql",
}


def mend(migration: Migration, text: str, wanted: Sequence[Mended]) -> Result:
    """The revision with each proposal in the place of the call it is about."""
    try:
        calls = Calls(text)
    except (SyntaxError, ValueError, RecursionError):
        return Result(
            text, refused=tuple((each.finding, "Python cannot read it") for each in wanted)
        )
    reason = _needs_one_transaction(migration)
    groups: dict[tuple[int, str], list[Mended]] = {}
    for each in wanted:
        groups.setdefault((each.statement.line, each.statement.source), []).append(each)
    edits: list[Edit] = []
    fixed: list[Finding] = []
    refused: list[tuple[Finding, str]] = []
    for key, group in groups.items():
        try:
            if reason:
                raise NotMechanical(reason)
            same = [each for each in migration.up if (each.line, each.source) == key]
            edits.append(_edit(calls, same, group))
            fixed += [each.finding for each in group]
        except NotMechanical as problem:
            refused += [(each.finding, problem.reason) for each in group]
    edits += calls.undone_concurrently(edits)
    edits += _imports(calls, edits)
    return Result(applied(text, edits), tuple(fixed), tuple(refused))


def _needs_one_transaction(migration: Migration) -> str | None:
    """Why the transaction of the revision must not be parted; a block outside of it parts it."""
    for each in migration.up:
        words = " ".join(each.sql[:60].upper().split())
        if words.startswith("SET LOCAL") or ("SET_CONFIG" in words and "TRUE" in each.sql.upper()):
            return "SET LOCAL would end with the transaction that is parted"
        if words.startswith(("BEGIN", "START ", "COMMIT", "ROLLBACK", "SAVEPOINT", "LOCK ")):
            return f"it relies on its transaction: {words.split()[0]}"
    return None


def _edit(calls: Calls, statements: Sequence[Statement], group: Sequence[Mended]) -> Edit:
    """The place of one call, and all that it does written there."""
    site = calls.site(group[0].statement)
    if "concurrently=False" in site.source:
        raise NotMechanical("it says itself that it is not to run concurrently")
    for statement in statements:
        check_texts(statement.sql)
    wanted: dict[int, str] = {}
    for each in group:
        number = next(n for n, one in enumerate(statements) if one is each.statement)
        if number in wanted:
            raise NotMechanical("several of its parts need a way of their own")
        assert each.finding.fix is not None
        wanted[number] = each.finding.fix.code
    written = [
        in_one(wanted[number], alone=site.alone) if number in wanted else execute(statement.sql)
        for number, statement in _defaults_first(statements)
    ]
    code = "\n".join(written)
    _keep_comments(site, code)
    return Edit(site.start, site.end, code, site.margin)


def _defaults_first(statements: Sequence[Statement]) -> list[tuple[int, Statement]]:
    """A column that is to have a value gets its default before rows are held to it."""
    return sorted(enumerate(statements), key=lambda each: not _SETS_DEFAULT.match(each[1].sql))


def _keep_comments(site: Site, code: str) -> None:
    """A comment inside of a call stays only where the call stays."""
    for token in _tokens(site.source):
        if token.type == tokenize.COMMENT and token.string not in code:
            raise NotMechanical("a comment inside the call would be lost")


def _tokens(source: str) -> Iterable[tokenize.TokenInfo]:
    try:
        return [*tokenize.generate_tokens(io.StringIO(source).readline)]
    except (tokenize.TokenError, SyntaxError):
        return ()


def _imports(calls: Calls, edits: Sequence[Edit]) -> list[Edit]:
    """The imports that the new code needs and the file lacks."""
    nodes = (node for edit in edits for node in ast.walk(ast.parse(edit.text)))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    lines = [f"{line}\n" for name, line in _IMPORTS.items() if name in used - calls.imported]
    place = calls.behind_imports
    return [Edit(place, place, "".join(lines))] if lines else []
