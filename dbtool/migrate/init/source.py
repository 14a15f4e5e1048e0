"""What one Python file says about models, engines and settings, read without importing it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbtool.migrate.init.syntax import tail
from dbtool.migrate.init.variables import url_variables

_BASES = frozenset({"DeclarativeBase", "DeclarativeBaseNoMeta"})
_BASE_CALLS = frozenset({"declarative_base", "generate_base", "SQLAlchemy"})
_ENGINE_CALLS = frozenset(
    {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name; `name` is empty for `import module` and `*` for everything."""

    module: str
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class Source:
    """One module: what it defines that has to do with a database, and what it imports."""

    module: str
    path: Path
    is_package: bool
    imports: tuple[Import, ...]
    bases: tuple[str, ...]
    tables: tuple[str, ...]
    metadatas: tuple[str, ...]
    engines: tuple[str, ...]
    variables: tuple[str, ...]
    naming_convention: bool
    tree: ast.Module

    @property
    def uses_sqlmodel(self) -> bool:
        """Whether the module takes anything from SQLModel."""
        return any(each.module.split(".")[0] == "sqlmodel" for each in self.imports)

    def imported(self, name: str) -> Import | None:
        """The import that binds a name."""
        return next((each for each in self.imports if each.alias == name), None)


def read(path: Path, module: str, is_package: bool) -> Source | None:
    """Read one file; None where it is no Python that can be parsed."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError):
        return None
    top = list(_top_level(tree.body))
    classes = [node for node in top if isinstance(node, ast.ClassDef)]
    assigned = dict(_assigned_calls(top))
    return Source(
        module=module,
        path=path,
        is_package=is_package,
        imports=tuple(_imports(top, module, is_package)),
        bases=(
            *(node.name for node in classes if _BASES & set(map(tail, node.bases))),
            *(name for name, call in assigned.items() if call in _BASE_CALLS),
        ),
        tables=(
            *(node.name for node in classes if _is_table(node)),
            *(name for name, call in assigned.items() if call == "Table"),
        ),
        metadatas=tuple(name for name, call in assigned.items() if call == "MetaData"),
        engines=(
            *(name for name, call in assigned.items() if call in _ENGINE_CALLS),
            *(
                node.name
                for node in top
                if isinstance(node, ast.FunctionDef) and _makes_engine(node)
            ),
        ),
        variables=tuple(sorted(set(url_variables(tree)))),
        naming_convention=any(_names_constraints(node) for node in ast.walk(tree)),
        tree=tree,
    )


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run on import; what only a type checker sees is left out."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            if tail(node.test) != "TYPE_CHECKING":
                yield from _top_level(node.body)
            yield from _top_level(node.orelse)
        elif isinstance(node, ast.Try):
            for part in (node.body, node.orelse, node.finalbody):
                yield from _top_level(part)
        elif isinstance(node, ast.With):
            yield from _top_level(node.body)


def _imports(top: list[ast.stmt], module: str, is_package: bool) -> Iterator[Import]:
    for node in top:
        if isinstance(node, ast.Import):
            for each in node.names:
                yield Import(each.name, "", each.asname or each.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module, is_package)
            for each in node.names:
                yield Import(origin, each.name, each.asname or each.name)


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _assigned_calls(top: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Names at module level that hold the result of a call, and what was called."""
    for node in top:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, tail(value.func)


def _is_table(node: ast.ClassDef) -> bool:
    if any(each.arg == "table" and _is_true(each.value) for each in node.keywords):
        return True
    names = [
        target
        for each in node.body
        for target in (each.targets if isinstance(each, ast.Assign) else [])
    ]
    names += [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    return any(tail(name) in ("__tablename__", "__table__") for name in names)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _makes_engine(node: ast.FunctionDef) -> bool:
    """Whether it takes no mandatory arguments and returns a new engine."""
    arguments = node.args
    if len(arguments.args) > len(arguments.defaults) or None in arguments.kw_defaults:
        return False
    returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
    return any(isinstance(each, ast.Call) and tail(each) in _ENGINE_CALLS for each in returned)


def _names_constraints(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and tail(node.func) in ("MetaData", "SQLAlchemy")):
        return isinstance(node, ast.Attribute) and node.attr == "naming_convention"
    return any(each.arg == "naming_convention" for each in node.keywords)
