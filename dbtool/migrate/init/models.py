"""Which value of the `models` setting leads to every table of a project."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dbtool.migrate.init.code import Code
from dbtool.migrate.init.source import Source

_ENTRY_POINTS = frozenset({"main", "app", "asgi", "wsgi", "cli", "manage", "server", "__main__"})
_SQLMODEL = ("sqlmodel", "SQLModel")
Name = tuple[str, str]
"""A module and a name in it."""


@dataclass(frozen=True, slots=True)
class FoundModels:
    """The specs for the setting, what they were concluded from, and what is known of them.

    `unseen` are the modules with tables that env.py does not import.
    """

    specs: tuple[str, ...] = ()
    how: str = ""
    has_convention: bool = False
    uses_sqlmodel: bool = False
    unseen: tuple[str, ...] = ()


def find_models(code: Code, env: Source | None) -> FoundModels:
    """What env.py calls its target_metadata; failing that, the bases the code defines."""
    named = list(_target_metadata(env, code)) if env is not None else []
    if env is not None and named:
        reached = {name for each in env.imports for name in _reached(code, each.module, each.name)}
        found = _complete(code, named, reached, "target_metadata in env.py")
        needed = {
            each for spec in found.specs for each in code.reached_from(spec.partition(":")[0])
        }
        unseen = {each for each in needed - reached if code.by_module[each].tables}
        return replace(found, unseen=tuple(sorted(unseen)))
    everything = frozenset(code.by_module)
    return _complete(code, list(_defined(code)), everything, "found in the code")


def _reached(code: Code, module: str, name: str) -> frozenset[str]:
    inside = f"{module}.{name}"
    return code.reached_from(inside if inside in code.by_module else module)


def _target_metadata(env: Source, code: Code) -> Iterator[Name]:
    for node in ast.walk(env.tree):
        value = _given_to_target(node)
        if value is not None and not _is_target(value):
            yield from _named(value, env, code)


def _given_to_target(node: ast.AST) -> ast.expr | None:
    """What a statement or an argument gives to the name `target_metadata`."""
    match node:
        case ast.Assign(targets=[target, *_], value=value) if _is_target(target):
            return value
        case ast.AnnAssign(target=target, value=value) if _is_target(target):
            return value
        case ast.keyword(arg="target_metadata", value=value):
            return value
    return None


def _is_target(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "target_metadata"


def _named(value: ast.expr, env: Source, code: Code) -> Iterator[Name]:
    """The imported names an expression like `Base.metadata` or a list of them stands for."""
    if isinstance(value, ast.List | ast.Tuple):
        for item in value.elts:
            yield from _named(item, env, code)
        return
    first, *rest = _dotted(value)
    found = env.imported(first)
    if found is None:
        return
    path = [*([found.name] if found.name else []), *rest]
    module = found.module if found.name else first
    while path and f"{module}.{path[0]}" in code.by_module:
        module, path = f"{module}.{path[0]}", path[1:]
    if path and len(path) > 1 and path[-1] == "metadata":
        path = path[:-1]
    if path:
        yield module, ".".join(path)


def _dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [""]


def _defined(code: Code) -> Iterator[Name]:
    """The bases the code defines; failing that SQLModel's, failing that plain MetaData."""
    bases = [(each.module, name) for each in code.sources for name in each.bases]
    if any(each.uses_sqlmodel and each.tables for each in code.sources):
        bases.append(_SQLMODEL)
    if bases:
        yield from bases
        return
    for each in code.sources:
        if each.tables:
            yield from ((each.module, name) for name in each.metadatas)


def _complete(code: Code, named: list[Name], within: Iterable[str], how: str) -> FoundModels:
    """Name modules so that importing them registers every table; no more than needed."""
    if not named:
        return FoundModels()
    users = (each.module for each in code.sources if _uses(code, each.module, named))
    candidates = {*within, *users} & set(code.by_module)
    needed = {name for name in candidates if code.by_module[name].tables}
    chosen = [_widest(code, name, needed) for name in dict.fromkeys(named)]
    specs = [f"{module}:{name}" for module, name in chosen if module != "sqlmodel"]
    covered = {each for module, _ in chosen for each in code.reached_from(module)}
    specs += sorted(needed - covered)
    uses_sqlmodel = any(code.by_module[each].uses_sqlmodel for each in needed)
    return FoundModels(tuple(specs), how, _has_convention(code, chosen), uses_sqlmodel)


def _uses(code: Code, module: str, named: list[Name]) -> bool:
    """Whether a module takes one of the bases, so that what it defines belongs to them."""
    return any(
        (code.origin(*wanted) or wanted) == code.origin(module, wanted[1]) for wanted in named
    )


def _widest(code: Code, wanted: Name, needed: set[str]) -> Name:
    """The best module to take a base from: the one named, or one that imports all models."""
    module, name = wanted
    if needed <= code.reached_from(module) and module != "sqlmodel":
        return wanted
    origin = code.origin(module, name) or wanted
    binding = [
        each.module
        for each in code.sources
        if code.origin(each.module, name) == origin
        and needed <= code.reached_from(each.module)
        and each.module.rpartition(".")[2] not in _ENTRY_POINTS
    ]
    return (min(binding, key=lambda each: _preference(code, each)), name) if binding else wanted


def _preference(code: Code, module: str) -> tuple[bool, int, str]:
    source = code.by_module[module]
    return (not source.is_package and not source.tables, module.count("."), module)


def _has_convention(code: Code, chosen: Sequence[Name]) -> bool:
    """Whether constraints are named; models of an installed package get the benefit of doubt."""
    modules = {module for name in chosen for module in _defining(code, name)}
    return not modules or any(code.by_module[each].naming_convention for each in modules)


def _defining(code: Code, name: Name) -> frozenset[str]:
    """The modules a base may take its naming convention from."""
    module, attribute = name
    if module == "sqlmodel":
        return frozenset(each.module for each in code.sources if each.uses_sqlmodel)
    origin = code.origin(module, attribute.split(".")[0]) or name
    return code.reached_from(origin[0]) | code.reached_from(module)
