"""Say what failed: which revision and statement, where in whose file, and what the server said."""

import importlib.metadata
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import MissingGreenlet, NoSuchModuleError

from dbtool.errors import DbtoolError, LockNotObtained, OperationError, UsageError
from dbtool.imports import failing_line, import_error, in_short
from dbtool.migrate.advice import advice, missing_import
from dbtool.migrate.journal import Journal
from dbtool.migrate.record import Record, Step, Table
from dbtool.migrate.servererror import ServerError, chain, handled, server_error
from dbtool.migrate.state import shown
from dbtool.migrate.verify import NotVerified

_DRIVERS = frozenset({"psycopg2", "psycopg", "asyncpg", "pg8000", "psycopg_c", "psycopg_binary"})
_LINES = 12
_VERSION_TABLE = re.compile(r"\s*(SELECT|CREATE TABLE)\b[^,]*\bversion_num\b", re.IGNORECASE)


@dataclass(slots=True)
class Scene:
    """What is known about a run that failed.

    `began` is where an earlier attempt found each version table that it worked on. `note` is what
    stands there for the next run.
    """

    record: Record
    database: str
    env: Path
    now: tuple[str, ...] | None = None
    note: Journal | None = None
    began: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def table(self) -> Table | None:
        """The version table at work, or the last one worked on."""
        worked_on = [each for each in self.record.tables if each.done or each.shown in self.began]
        return self.record.running or (worked_on[-1] if worked_on else None)

    @property
    def step(self) -> Step | None:
        """The revision that was running."""
        return self.table.running if self.table else None

    @property
    def verifying(self) -> bool:
        """Whether that revision was at its own check of what it did."""
        return self.table is not None and self.table.verifying


def explain(error: BaseException, scene: Scene) -> DbtoolError:
    """The failure of env.py, or of a revision it ran."""
    if isinstance(error, DbtoolError):
        return error
    server = server_error(error)
    step = scene.step
    if step is None:
        return _env_failed(error, server, scene)
    name = _name(step)
    name = f"verify of {name}" if scene.verifying else name
    said = server.message if server else _said(error)
    place = _place(error, Path(step.file)) or _place(error, scene.env)
    state = f"{state_of(scene)}{_reach(scene)}"
    if server is None and is_refusal(error, Path(step.file)):
        return refused_by_author(step.revision, f"{place}: {str(error) or said}", state)
    return _kind(server)(
        f"{name} failed: {said}",
        detail="\n".join((*_evidence(server, place), state)),
        hint=_hint(server, scene) or missing_import(error),
    )


def cancelled(scene: Scene) -> OperationError:
    """A revision was ended from outside; where it stood does not matter."""
    during = _name(scene.step) if scene.step else "env.py"
    return OperationError(f"{during} failed: it was cancelled", detail=state_of(scene))


def _name(step: Step) -> str:
    return f"revision {step.revision}" + (f" ({step.message})" if step.message else "")


def told(error: BaseException, file: Path) -> tuple[str, tuple[str, ...], int | None]:
    """What an error of a revision said, what shows why, and the line it passed through."""
    server = server_error(error)
    said = server.message if server else _said(error)
    return said, tuple(_evidence(server, "")), _line(error, file)


def _evidence(server: ServerError | None, place: str) -> Iterator[str]:
    parts = (_statement(server), _server_detail(server), place and f"at {place}")
    return (part for part in parts if part)


def _kind(server: ServerError | None) -> type[DbtoolError]:
    """What another session is in the way of may be tried again."""
    locked = server is not None and server.sqlstate in ("55P03", "40P01")
    return LockNotObtained if locked else OperationError


def refused_by_author(revision: str, said: str, state: str) -> OperationError:
    """The author of a revision lets nobody undo it, which is no failure of theirs."""
    return OperationError(
        f"revision {revision} cannot be downgraded: its author says so",
        detail=f"{said}\n{state}",
        hint="Go back to a backup, or write a new revision that leads to where you want to be.",
    )


def is_refusal(error: BaseException, file: Path) -> bool:
    """Whether downgrade() itself raised this, with a `raise` of its own."""
    path = str(file.absolute())
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if each.filename == path and each.name == "downgrade"]
    if not own:
        return False
    raised_there = own[-1] is frames[-1] and (own[-1].line or "").startswith("raise")
    return raised_there or isinstance(error, NotImplementedError)


def _said(error: BaseException) -> str:
    if isinstance(error, NotVerified):
        return str(error)
    return in_short(error)


def _statement(server: ServerError | None) -> str:
    if server is None or not server.statement:
        return ""
    lines = [line for line in server.statement.splitlines() if line.strip()]
    more = f"\n… {len(lines) - _LINES} more lines" if len(lines) > _LINES else ""
    return "\n".join(lines[:_LINES]) + more


def _server_detail(server: ServerError | None) -> str:
    if server is None:
        return ""
    state = f"SQLSTATE {server.sqlstate}" if server.sqlstate else ""
    return ". ".join(part.rstrip(".") for part in (server.detail, server.hint, state) if part)


def _place(error: BaseException, file: Path) -> str:
    """The innermost line of a file that the error passed through."""
    if isinstance(error, NotVerified) and error.line is not None:
        return f"{file}:{error.line}"
    line = _line(error, file)
    return "" if line is None else f"{file}:{line}"


def _line(error: BaseException, file: Path) -> int | None:
    path = file.absolute()
    lines = [
        frame.lineno
        for each in chain(error)
        for frame in traceback.extract_tb(each.__traceback__)
        if Path(frame.filename) == path
    ]
    return lines[-1] if lines else None


def state_of(scene: Scene) -> str:
    """Where the database stands now, and what of this run stayed."""
    table = scene.table
    if table is None or scene.now is None:
        return (
            f"Where {scene.database} stands now could not be read; dbtool status tells it, once the"
            " server answers and to a role that may look."
        )
    stands = f"{scene.database} stands at {shown(scene.now)}"
    began = scene.began.get(table.shown, table.before)
    text = f"{stands}; before this run it stood at {shown(began)}."
    if scene.now == began:
        text = f"{stands}, as before."
    left, rolled_back = not_recorded(table, scene.now)
    if rolled_back:
        text += f" What {', '.join(rolled_back)} did in this run was rolled back with it."
    if table.left_transaction and table.running is not None:
        left = table.running.revision
    return f"{text} {_half_done(left, scene.note)}" if left else text


def not_recorded(table: Table, now: tuple[str, ...]) -> tuple[str, list[str]]:
    """What ran to its end and is not recorded all the same: its transaction did not get so far.

    The first is half done if it had left its transaction before; the others were rolled back.
    """
    if table.before == table.after or now not in (table.before, *table.reached):
        return "", []
    undone = [each.revision for each in table.done[len(table.stayed(now)) :]]
    left = next((each for each in reversed(undone) if each in table.left), "")
    return left, undone[undone.index(left) + 1 if left else 0 :]


def _half_done(revision: str, note: Journal | None) -> str:
    """What stays of a revision that is not recorded, and what the next run makes of that."""
    stays = f"{revision} had left its transaction (autocommit_block): what it did up to there stays"
    if note is None or (note.legible and note.revision != revision):
        return f"{stays}, and running it again would do that again."
    way = "asks how to go on" if note.asks else "goes on behind it"
    next_run = f"the next dbtool upgrade or downgrade {way}"
    return f"{stays}, and {next_run}; plain Alembic would run it again."


def _reach(scene: Scene) -> str:
    """How far the roll-back went after a revision that failed its own check."""
    table = scene.table
    if not scene.verifying or table is None or table.running is None or scene.now is None:
        return ""
    name, before = table.running.revision, [each.revision for each in table.done]
    left, undone = not_recorded(table, scene.now)
    if table.left_transaction or left:
        return f" Rolled back is only what {', '.join([*undone, name])} did behind it."
    if undone:
        return f" Rolled back are all revisions of the transaction: {', '.join([*undone, name])}."
    committed = f"; {', '.join(before)} stay" + ("" if len(before) > 1 else "s") if before else ""
    return f" Rolled back is {name}{committed}."


def _hint(server: ServerError | None, scene: Scene) -> str:
    if server is None:
        return ""
    table = scene.table
    from_empty = table is not None and not table.before and not table.done
    return advice(server, from_empty=from_empty)


def _env_failed(error: BaseException, server: ServerError | None, scene: Scene) -> DbtoolError:
    if isinstance(error, NoSuchModuleError):
        return _no_dialect(error)
    if isinstance(error, MissingGreenlet):
        return OperationError(
            "env.py builds a synchronous engine with an asynchronous driver",
            detail=_said(error).partition(";")[0],
            hint="Use create_async_engine, or a URL with a synchronous driver (+psycopg).",
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "") in _DRIVERS:
        return _no_driver(error)
    stands = state_of(scene) if scene.table else ""
    if server is not None:
        place = failing_line(error, [Path.cwd()])
        first = handled(error)
        before = f"It came while this was handled: {first.message}." if first else ""
        detail = "\n".join(filter(None, (*_evidence(server, place), before, stands)))
        return _kind(server)(
            f"{_what_failed(server)}: {server.message}", detail=detail, hint=_hint(server, scene)
        )
    told = import_error(error, "env.py", [Path.cwd()])
    hint = "" if "See the whole traceback" in told.hint else told.hint
    if isinstance(error, ModuleNotFoundError) and error.name:
        near = import_error(error, error.name, [Path.cwd()]).hint
        hint = near if near.startswith("Did you mean") else hint
    return OperationError("env.py failed", detail=f"{told.detail}\n{stands}".rstrip(), hint=hint)


def _what_failed(server: ServerError) -> str:
    """Alembic's own first statements are not env.py's."""
    at_versions = _VERSION_TABLE.match(server.statement or "")
    if at_versions is None:
        return "env.py failed"
    done = "read" if at_versions[1].upper() == "SELECT" else "created"
    return f"the version table could not be {done}"


def _no_dialect(error: NoSuchModuleError) -> DbtoolError:
    name = str(error).rpartition(":")[2].split(".")[0]
    if name == "driver":
        return UsageError(
            "no database is named",
            detail="env.py takes its URL from the configuration, which still holds the"
            " template's placeholder (driver://…).",
            hint="Give --url, set DATABASE_URL, or write the URL there; where env.py"
            " connects to several databases, write the URL of each.",
        )
    return OperationError(
        f'env.py names the SQLAlchemy dialect "{name}", which is not installed',
        hint="Correct the beginning of the URL: postgresql+psycopg:// or postgresql+asyncpg://.",
    )


def _no_driver(error: ModuleNotFoundError) -> DbtoolError:
    version = importlib.metadata.version("sqlalchemy")
    meant = "psycopg" if version >= "2.1" else "psycopg2"
    return OperationError(
        f"env.py needs the driver {error.name}, which is not installed",
        detail=f"postgresql:// without a driver means {meant} under SQLAlchemy {version}.",
        hint=f"Install {error.name} beside the application, or name an installed driver in the"
        " URL: postgresql+psycopg:// (synchronous), postgresql+asyncpg:// (asynchronous).",
    )
