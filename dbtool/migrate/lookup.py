"""Say in the user's terms why a revision cannot be found, or why the history cannot be read."""

import re
import traceback
import warnings
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import TypeVar

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import (
    CycleDetected,
    MultipleHeads,
    RangeNotAncestorError,
    ResolutionError,
    RevisionError,
)
from alembic.util import CommandError

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.imports import import_error
from dbtool.migrate.location import relative

T = TypeVar("T")

_LISTED = 8
_ENDS = ("base", "head", "heads")
_NOTHING_TO_UNDO = "Nothing to drop"
_TOO_FAR = re.compile(r"Relative revision (\S+) didn't produce|Walked too far")


def resolve(script: ScriptDirectory, ask: Callable[[], T]) -> T:
    """What Alembic answers about revisions; its errors become ours.

    A revision that two files claim is one of them: Alembic only warns, and would never run
    the other. So is one called like an end of the history, which Alembic walks past.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Revision .* is not present")
            warnings.filterwarnings("error", r"Revision .* is present more than once")
            answer = ask()
            if ends := _called_ends(script):
                raise _called_an_end(script, ends[0])
            return answer
    except UserWarning as warning:
        raise _claimed_twice(script, str(warning).split()[1]) from warning
    except (CommandError, RevisionError) as error:
        raise explain(script, error) from error
    except DbtoolError:
        raise
    except KeyError as error:
        raise missing_parent(script, error) from error
    except AssertionError as error:
        called = next((each for each in _ENDS if _claiming(script, each)), None)
        raise _called_an_end(script, called) if called else unreadable(script, error) from error
    except (Exception, SystemExit) as error:
        raise unreadable(script, error) from error


def explain(script: ScriptDirectory, error: Exception) -> DbtoolError:
    """One of Alembic's errors about revisions."""
    cause = error if isinstance(error, RevisionError) else error.__cause__
    match cause:
        case MultipleHeads():
            return several_heads(all_scripts(script), cause.heads, cause.argument or "head")
        case ResolutionError():
            return not_found(all_scripts(script), cause.argument, str(cause))
        case RangeNotAncestorError():
            return _no_path(cause, str(error))
        case CycleDetected():
            ids = ", ".join(cause.revisions)
            return OperationError(
                "the revisions form a circle",
                detail=f"None of these can come first: {ids}.",
                hint="Correct a down_revision or depends_on among them.",
            )
    if found := _TOO_FAR.search(str(error)):
        return UsageError(
            f'"{found[1] or "the revision"}" goes beyond the end of the history',
            hint="See dbtool current and dbtool history; head and base are its ends.",
        )
    if "Ambiguous" in str(error):
        return _several_ways(cause or error)
    return UsageError(str(error).rstrip("."))


def _several_ways(error: BaseException) -> UsageError:
    """A relative revision comes to where the history branches or was merged.

    Alembic says no more than that, so where it stood is read from its own walk.
    """
    walks = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if _walks(frame)]
    found = walks[-1].f_locals if walks else {}
    ways = [each for each in found.get("children", ()) if isinstance(each, Script)]
    start = found.get("initial")
    if not ways:
        return UsageError(
            "there is more than one way to go from here",
            detail="The history branches, and a relative revision does not say which branch.",
            hint="Name the revision to stop at; see dbtool history.",
        )
    place = f"from {start.revision}" if isinstance(start, Script) else "from the base"
    ends = "parents" if found["steps"] < 0 else "revisions after it"
    return UsageError(
        f"there is more than one way to go {place}: it has {len(ways)} {ends}",
        detail="\n".join(map(_line, ways)),
        hint=f"Name the one to go to: {' or '.join(each.revision for each in ways)}.",
    )


def _walks(frame: FrameType) -> bool:
    return frame.f_code.co_name == "_walk" and "children" in frame.f_locals


def _called_ends(script: ScriptDirectory) -> list[str]:
    return [each for each in _ENDS if each in script.revision_map._revision_map]


def _called_an_end(script: ScriptDirectory, name: str) -> OperationError:
    files = ", ".join(map(relative, _claiming(script, name)))
    return OperationError(
        f"a revision is called {name}, which Alembic has for an end of the history",
        detail=f"{files}: no command could name it, and some leave it out." if files else "",
        hint="Give it another revision, there and where it is a down_revision or depends_on.",
    )


def _claimed_twice(script: ScriptDirectory, revision: str) -> OperationError:
    return OperationError(
        f"two files are revision {revision}",
        detail=", ".join(map(relative, _claiming(script, revision))),
        hint="Give one of them a revision of its own.",
    )


def _claiming(script: ScriptDirectory, revision: str) -> list[Path]:
    claim = re.compile(rf"^revision\b.*=\s*['\"]{re.escape(revision)}['\"]", re.MULTILINE)
    return [path for path in _files(script) if claim.search(path.read_text("utf-8", "replace"))]


def several_heads(
    scripts: Iterable[Script], heads: Iterable[str], argument: str, verb: str = "upgrade"
) -> UsageError:
    """More than one revision is meant where only one can be."""
    by_id = {each.revision: each for each in scripts}
    known = [by_id[head] for head in heads if head in by_id]
    branch = argument.partition("@")[0] if "@" in argument else ""
    labels = [label for each in known for label in sorted(each.branch_labels)]
    example = f", {labels[0]}@head for one branch" if labels and not branch else ""
    return UsageError(
        f'"{argument}" is not one revision: there are {len(known)} heads',
        detail="\n".join(_line(each) for each in known),
        hint=f"Use dbtool {verb} heads for all of them{example},"
        " or join them with dbtool merge heads.",
    )


def _line(script: Script) -> str:
    labels = f" ({', '.join(sorted(script.branch_labels))})" if script.branch_labels else ""
    return f"{script.revision}{labels} {_message(script)}"


def _message(script: Script) -> str:
    return " ".join(script.doc.split())


def not_found(scripts: Iterable[Script], argument: str, said: str) -> UsageError:
    """No revision has this name, or several begin with it."""
    known = list(scripts)
    starting = [each for each in known if each.revision.startswith(argument)]
    if said.startswith("Multiple revisions") and starting:
        more = f"\nand {len(starting) - _LISTED} more" if len(starting) > _LISTED else ""
        return UsageError(
            f'"{argument}" fits {len(starting)} revisions',
            detail="\n".join(map(_line, starting[:_LISTED])) + more,
            hint="Give more characters of the one you mean.",
        )
    if "not a member of branch" in said:
        return UsageError(said[0].lower() + said[1:])
    return UsageError(f'there is no revision "{argument}"', hint=_near(known, argument))


def _near(known: list[Script], argument: str) -> str:
    names = {each.revision: each for each in known}
    names |= {label: each for each in known for label in each.branch_labels}
    if not known:
        return "This history has no revisions yet; create one with dbtool revision -m MESSAGE."
    near = get_close_matches(argument, names, n=3, cutoff=0.5)
    if not near:
        begun = {name[: len(argument)]: name for name in names}
        near = [begun[each] for each in get_close_matches(argument, begun, n=3, cutoff=0.6)]
    if not near:
        return "See dbtool history for the revisions there are."
    meant = " or ".join(f"{name} ({_message(names[name])})" for name in near[:3])
    return f"Did you mean {meant}?"


def _no_path(cause: RangeNotAncestorError, said: str) -> UsageError:
    lower, upper = cause.lower or "base", cause.upper or "base"
    shown = [each if isinstance(each, str) else ", ".join(each) for each in (lower, upper)]
    if _NOTHING_TO_UNDO in shown:
        return UsageError(
            "there is nothing to undo on the way there",
            detail=said.rstrip("."),
            hint="See dbtool current and dbtool history; to go up use dbtool upgrade.",
        )
    return UsageError(
        said.rstrip("."),
        detail=f"{shown[1]} does not come after {shown[0]}.",
        hint="See dbtool history; to go back use dbtool downgrade.",
    )


class NotAmongFiles(OperationError):
    """A database records what is not here: the files of a newer release, or another branch."""


def unknown_in_database(head: str, database: str) -> NotAmongFiles:
    """The database records a revision that these files do not have.

    A name like one of theirs is no hint: in a numbered history the next one differs least.
    """
    return NotAmongFiles(
        f"{database} is at revision {head}, which is not among these files",
        detail="The database was migrated with newer files, or with those of another branch.",
        hint="Get the revision file from where the database was migrated (another branch, a newer"
        " release). Only where the schema is known to be that of another revision:"
        " dbtool stamp --purge REVISION.",
    )


def missing_parent(script: ScriptDirectory, error: KeyError) -> OperationError:
    """A down_revision or depends_on names a revision that no file has."""
    name = str(error.args[0]) if error.args else "?"
    children = [path for path in _files(script) if name in path.read_text("utf-8", "replace")]
    named = f"{relative(children[0])} names it." if children else ""
    return OperationError(
        f"revision {name} is named as a parent and no file has it",
        detail=named,
        hint="Restore the missing file, or correct down_revision.",
    )


def unreadable(script: ScriptDirectory, error: BaseException) -> OperationError:
    """A revision file that cannot be imported."""
    files = {str(path): path for path in _files(script)}
    frames = traceback.extract_tb(error.__traceback__)
    inside = [files[frame.filename] for frame in frames if frame.filename in files]
    if isinstance(error, SyntaxError) and error.filename in files:
        inside = [files[error.filename]]
    told = import_error(error, "the revision", [Path.cwd()])
    if not inside:
        return OperationError("Alembic cannot answer this", detail=told.detail)
    name = relative(inside[-1])
    hint = "" if "See the whole traceback" in told.hint else told.hint
    return OperationError(f"{name} cannot be imported", detail=told.detail, hint=hint)


def _files(script: ScriptDirectory) -> Iterable[Path]:
    pattern = "**/*.py" if script.recursive_version_locations else "*.py"
    for directory in script._version_locations:
        yield from (path.resolve() for path in sorted(Path(directory).glob(pattern)))


def all_scripts(script: ScriptDirectory) -> list[Script]:
    """Every revision, in no order that matters; empty where the history cannot be read."""
    found = {each.revision: each for each in script.revision_map._revision_map.values() if each}
    return [each for each in found.values() if isinstance(each, Script)]
