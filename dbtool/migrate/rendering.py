"""Run a team's env.py in offline mode for what its revisions do, and never for what it writes.

Where it cannot run so (it connects, or lacks a variable that only a deploy has), Alembic's
defaults stand in, with what the source of env.py says about its transactions.
"""

import ast
import importlib.util
import io
from collections.abc import Callable, Iterable
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep

from dbtool.errors import DbtoolError, OperationError
from dbtool.imports import without_passwords
from dbtool.migrate.environment import Loaded
from dbtool.migrate.listener import Offline
from dbtool.migrate.recorder import Unknown
from dbtool.migrate.sealed import is_sealed, no_network

NAMES_DRIVER = "dbtool heard the driver from env.py"
Work = Callable[[EnvironmentContext, MigrationContext], Iterable[RevisionStep]]


@dataclass(slots=True)
class Rendering:
    """Runs env.py, and says in `notes` what it could not."""

    loaded: Loaded
    work: Work
    notes: list[str] = field(default_factory=list)
    runs: int = 0
    _wrong: DbtoolError | None = None

    def run(self) -> None:
        """Give `work` each context that env.py configures; the default one where it has none."""
        self.loaded.config.stdout = io.StringIO()
        module = ModuleType("env_py")
        reason = self._attempt(lambda _: self._run_env(module))
        if self.runs:
            if reason:
                self.notes.append(f"{reason}; what it does after that is missing")
            return
        self.notes.append(
            f"{reason or 'env.py runs no revisions offline'}; the revisions are read as Alembic's"
            " defaults would run them"
        )
        options = {"dialect_name": "postgresql", "target_metadata": _metadata(vars(module))}
        failed = self._attempt(lambda environment: _run_defaults(environment, options))
        if failed:
            raise OperationError(failed)

    def _attempt(self, perform: Callable[[EnvironmentContext], None]) -> str:
        """Run it; returns why it ended early."""

        def begun(_: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
            try:
                steps = self.work(environment, context)
            except DbtoolError as error:
                self._wrong = error
                listener.refuse(error)
            self.runs += 1
            return steps

        listener = _Refusing()
        environment = EnvironmentContext(
            self.loaded.config,
            self.loaded.script,
            fn=begun,
            as_sql=True,
            starting_rev=None,
            destination_rev="heads",
        )
        _configure_for_reading(environment)
        try:
            with chdir(self.loaded.project.place.base), no_network(), listener, environment:
                perform(environment)
        except DbtoolError as error:
            if error is self._wrong or error is not listener.error:
                raise
            return "env.py cannot run offline: it connects to a database"
        except (Exception, SystemExit, Unknown) as error:
            said = without_passwords(str(error).strip().partition("\n")[0])
            return f"env.py cannot run offline: {type(error).__name__}: {said}"
        return ""

    def _run_env(self, module: ModuleType) -> None:
        """Execute env.py as Alembic does; files it would write its SQL to stay as they are."""
        path = Path(self.loaded.script.env_py_location)
        spec = importlib.util.spec_from_file_location("env_py", path)
        assert spec is not None
        assert spec.loader is not None
        vars(module).update(__file__=str(path), __spec__=spec, __loader__=spec.loader)
        vars(module)["open"] = _open_to_read
        spec.loader.exec_module(module)


class _Refusing(Offline):
    """Nothing may be connected to; a revision that tries is followed no further."""

    def _refuse(self, where: str) -> NoReturn:
        if is_sealed():
            raise Unknown("a connection of its own works on the database")
        super()._refuse(where)


def _open_to_read(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
    if set(mode) & set("wax+"):
        return io.BytesIO() if "b" in mode else io.StringIO()
    return open(file, mode, *arguments, **named)


def _configure_for_reading(environment: EnvironmentContext) -> None:
    """Let a percent sign be one, and nothing be written."""
    configure = environment.configure

    def adapted(**options: Any) -> None:
        if str(options.get("url") or "").startswith("sqlite"):
            # Projects that develop on SQLite deploy on PostgreSQL all the same.
            options.update(url=None, dialect_name="postgresql")
        options[NAMES_DRIVER] = options.get("url") is not None
        options["dialect_opts"] = {**(options.get("dialect_opts") or {}), "paramstyle": "named"}
        options["output_buffer"] = io.StringIO()
        options.pop("output_encoding", None)
        configure(**options)

    environment.configure = adapted  # type: ignore[method-assign, assignment]


def _run_defaults(environment: EnvironmentContext, options: dict[str, Any]) -> None:
    environment.configure(**options)
    environment.run_migrations()


def _metadata(namespace: dict[str, Any]) -> object:
    """The models' metadata, as far as env.py got; naming conventions are part of it."""
    found = namespace.get("target_metadata")
    if found is None:
        found = getattr(namespace.get("Base"), "metadata", None)
    return found


def commits_each(env: Path, *, configured: bool) -> bool:
    """Whether each revision commits by itself when env.py really runs.

    What env.py passes in offline mode is often less than what it passes with a connection.
    """
    try:
        tree = ast.parse(env.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return configured
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and _configures(each)]
    online = [each for each in calls if any(word.arg == "connection" for word in each.keywords)]
    for call in online:
        for word in call.keywords:
            if word.arg == "transaction_per_migration":
                value = word.value
                return bool(value.value) if isinstance(value, ast.Constant) else configured
    if any(word.arg is None for each in online for word in each.keywords):
        return configured or any(map(_says_so, ast.walk(tree)))
    return configured and not online


def _configures(call: ast.Call) -> bool:
    return getattr(call.func, "attr", getattr(call.func, "id", "")) == "configure"


def _says_so(node: ast.AST) -> bool:
    """Whether a dictionary of options says that each revision commits by itself."""
    match node:
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return any(
                isinstance(key, ast.Constant)
                and key.value == "transaction_per_migration"
                and isinstance(value, ast.Constant)
                and value.value is True
                for key, value in pairs
            )
        case ast.keyword(arg="transaction_per_migration", value=ast.Constant(value=True)):
            return True
    return False
