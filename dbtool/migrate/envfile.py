"""Tell from the source of env.py where it keeps the versions, where the source says so plainly.

Whatever is computed, looped over, or may lead Alembic to another version table makes the file
opaque: then env.py itself has to run.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_TABLE = "alembic_version"

_BUILDERS = frozenset(
    {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
)
_DECIDING = frozenset({"version_table", "version_table_schema"})
_CONFIGURABLE = _DECIDING | {
    *("connection", "url", "dialect_name", "dialect_opts", "target_metadata", "literal_binds"),
    *("compare_type", "compare_server_default", "include_object", "include_name"),
    *("include_schemas", "render_as_batch", "transaction_per_migration", "transactional_ddl"),
    *("process_revision_directives", "render_item", "user_module_prefix"),
    *("sqlalchemy_module_prefix", "version_table_pk", "autogenerate_plugins", "output_buffer"),
}
_LEADING_ELSEWHERE = re.compile(
    r"search_path|schema_translate|version_locations|script_location|x_argument|tag_argument"
    r"|execution_options|connect_args|creator|listen|\bevents?\b|execute|exec_driver_sql|\bexec\b"
    r"|\beval\b|globals|setattr|getattr|\bvars\b|locals|__dict__|importlib|__import__"
    r"|Context\b|ScriptDirectory|Impl\b|version_table_impl|revision_map|cmd_opts|_rev\b"
    r"|head_revision|begin_nested|SET ROLE|\brole\b|session|partial|lambda|\bcursor\b"
    r"|raw_connection|\bop\b|\bcommand\b|Script\b",
    re.IGNORECASE,
)
_LOOPS = (
    *(ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp),
    ast.GeneratorExp,
)
_HIDING = (ast.Lambda, ast.Global, ast.Nonlocal, ast.Match)
_MAY_REPEAT = frozenset({"getLogger", "setLevel", "addHandler"})
_ENGINE_OPTIONS = re.compile(r"url$|echo|pool|hide_parameters|future$")
_HARMLESS = frozenset(
    {
        *_BUILDERS,
        *("configure", "run_migrations", "begin_transaction", "is_offline_mode"),
        *("connect", "begin", "run_sync", "run", "dispose", "commit", "close", "fileConfig"),
        *("get_main_option", "get_section", "set_main_option", "get", "getenv", "getLogger"),
        *("debug", "info", "warning", "replace", "startswith", "strip", "format", "split"),
        *("join", "str", "bool", "int", "Path", "resolve", "make_url", "set", "get_bind"),
        *("render_as_string", "print", "CommandError", "RuntimeError", "ValueError", "KeyError"),
        *("get_alembic_option", "basicConfig", *_MAY_REPEAT),
    }
)
_KNOWN_PACKAGES = frozenset(
    {"alembic", "sqlalchemy", "sqlmodel", "asyncio", "logging", "os", "pathlib", "__future__"}
)


@dataclass(frozen=True, slots=True)
class EnvFile:
    """Where env.py keeps the versions; `inert` where it does nothing but run the migrations."""

    version_table: str
    schema: str | None
    inert: bool


def read(path: Path, options: Mapping[str, object]) -> EnvFile | None:
    """What env.py says, given the options of its section; None where it has to run to tell."""
    engine_options = (key[11:] for key in options if key.startswith("sqlalchemy."))
    if not all(_ENGINE_OPTIONS.match(each) for each in engine_options):
        return None
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    nodes = [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]
    if any(map(_hides, nodes)) or not _imports_context(nodes) or _builds_twice(nodes):
        return None
    if any(_LEADING_ELSEWHERE.search(text) for text in _words(nodes)):
        return None
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if not _only_urls_set(calls):
        return None
    place = _version_place(nodes, calls)
    return EnvFile(*place, inert=_is_inert(nodes, calls)) if place is not None else None


def _hides(node: ast.AST) -> bool:
    """Whether what happens here cannot be told from the words alone."""
    if isinstance(node, _LOOPS):
        calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
        return not all(_name(each.func) in _MAY_REPEAT for each in calls)
    return isinstance(node, _HIDING)


def _builds_twice(nodes: Iterable[ast.AST]) -> bool:
    """Whether there is not exactly one engine: built in one place, which is reached once."""
    functions = [each for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len({each.name for each in functions}) < len(functions):
        return True
    building, reached, seen = _BUILDERS, _mentions(nodes), set[str]()
    while building:
        if building & seen or sum(reached.count(each) for each in building) != 1:
            return True
        seen |= building
        building = frozenset(
            each.name for each in functions if building & set(_mentions(ast.walk(each)))
        )
    return False


def _mentions(nodes: Iterable[ast.AST]) -> list[str]:
    return [
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    ]


def _imports_context(nodes: Iterable[ast.AST]) -> bool:
    """Whether `context` is Alembic's, bound once, and nothing is imported by a star."""
    bound = []
    for node in nodes:
        if isinstance(node, ast.ImportFrom | ast.Import):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                if alias.name == "*":
                    return False
                if (alias.asname or alias.name) == "context":
                    bound.append(f"{module}.{alias.name}")
        elif isinstance(node, ast.Name) and node.id == "context":
            bound += ["assigned"] if not isinstance(node.ctx, ast.Load) else []
        elif isinstance(node, ast.arg) and node.arg == "context":
            bound.append("argument")
    return bound == ["alembic.context"]


def _words(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name and every text of the source but docstrings and comments."""
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in said:
                yield text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                if text not in ("context", "config"):
                    yield text
            case ast.alias(name=text) if text != "context":
                yield text
            case ast.keyword(arg=str(text)):
                yield text
            case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text):
                yield text
            case ast.ClassDef():
                yield "Context"


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _only_urls_set(calls: Iterable[ast.Call]) -> bool:
    """Whether the configuration is changed in nothing but the URL, which the user named."""
    for call in calls:
        if _name(call.func).startswith(("set_main_option", "set_section_option")):
            match call.args:
                case [ast.Constant(value="sqlalchemy.url"), _] if not call.keywords:
                    continue
            return False
    return True


def _version_place(
    nodes: Iterable[ast.AST], calls: Iterable[ast.Call]
) -> tuple[str, str | None] | None:
    """The version table and its schema, where every configure() names the same ones."""
    for wanted in ("configure", "run_migrations"):
        mentioned = sum(isinstance(each, ast.Attribute) and each.attr == wanted for each in nodes)
        called = [each for each in calls if _is_of_context(each.func, wanted)]
        if not called or mentioned != len(called):
            return None
    places = {_place(each) for each in calls if _is_of_context(each.func, "configure")}
    return places.pop() if len(places) == 1 else None


def _is_of_context(function: ast.expr, name: str) -> bool:
    match function:
        case ast.Attribute(value=ast.Name(id="context"), attr=attr):
            return attr == name
    return False


def _place(call: ast.Call) -> tuple[str, str | None] | None:
    if any(each.arg not in _CONFIGURABLE for each in call.keywords) or len(call.args) > 1:
        return None
    said: dict[str, str] = {}
    for keyword in call.keywords:
        if keyword.arg not in _DECIDING:
            continue
        match keyword.value:
            case ast.Constant(value=None):
                continue
            case ast.Constant(value=str(text)) if text:
                said[str(keyword.arg)] = text
            case _:
                return None
    return said.get("version_table", DEFAULT_TABLE), said.get("version_table_schema")


def _is_inert(nodes: Iterable[ast.AST], calls: Iterable[ast.Call]) -> bool:
    """Whether every call is one that configures, connects or runs, and none is the team's own."""
    own = {
        node.name: node
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if any(each.decorator_list for each in own.values()):
        return False
    foreign = set(_foreign_names(nodes))
    for call in calls:
        name, root = _name(call.func), _root(call.func)
        if root in foreign or not (name in _HARMLESS or (name == root and name in own)):
            return False
    managed = (node for node in nodes if isinstance(node, ast.withitem))
    return all(isinstance(each.context_expr, ast.Call) for each in managed)


def _foreign_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that are imported from anything but the standard tools of an env.py."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            package = "" if node.level else (node.module or "").partition(".")[0]
            if package not in _KNOWN_PACKAGES:
                yield from (each.asname or each.name for each in node.names)
        elif isinstance(node, ast.Import):
            for each in node.names:
                if each.name.partition(".")[0] not in _KNOWN_PACKAGES:
                    yield each.asname or each.name.partition(".")[0]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
