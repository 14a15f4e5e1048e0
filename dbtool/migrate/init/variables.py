"""Which environment variables an application takes its connection string from."""

import ast
import re
from collections.abc import Iterator, Mapping

from dbtool.migrate.init.syntax import tail, text

_URL_NAME = re.compile(r"(^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|PG|SQLALCHEMY)_.*(URL|URI|DSN)$")


def url_variables(tree: ast.Module) -> Iterator[str]:
    """Environment variables that by their name hold a connection string."""
    for node in ast.walk(tree):
        names = _settings_fields(node) if isinstance(node, ast.ClassDef) else _read_variable(node)
        for name in names:
            if is_url_name(name):
                yield name


def is_url_name(name: str) -> bool:
    """Whether a variable of this name holds the application's connection string."""
    return bool(_URL_NAME.search(name)) and "TEST" not in name


def _read_variable(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Subscript) and tail(node.value) == "environ":
        yield from text(node.slice)
    elif isinstance(node, ast.Call) and node.args:
        of_environ = isinstance(node.func, ast.Attribute) and tail(node.func.value) == "environ"
        if of_environ or tail(node.func) == "getenv":
            yield from text(node.args[0])


def _settings_fields(node: ast.ClassDef) -> Iterator[str]:
    """The variables that fill the fields of a pydantic settings class."""
    if "BaseSettings" not in map(tail, node.bases):
        return
    prefix = next(_prefixes(node), "")
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            alias = next(_aliases(each.value), None)
            yield (alias or prefix + each.target.id).upper()


def _prefixes(node: ast.ClassDef) -> Iterator[str]:
    for each in ast.walk(node):
        name = each.arg if isinstance(each, ast.keyword) else None
        if isinstance(each, ast.Assign):
            name = tail(each.targets[0])
        if isinstance(each, ast.keyword | ast.Assign) and name == "env_prefix":
            yield from text(each.value)


def _aliases(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.Call) and tail(value.func) == "Field":
        named: Mapping[str | None, ast.expr] = {each.arg: each.value for each in value.keywords}
        for key in ("validation_alias", "alias"):
            if key in named:
                yield from text(named[key])
