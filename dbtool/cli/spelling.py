"""The command that `dbtool explain` names as the next step: itself, once more, for advice."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.cli.place import tells_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbtool.cli.command import Call
    from dbtool.explain.advice.result import Advice
    from dbtool.report import Report

_SHELL = frozenset('"$`\\!')
"""What double quotes do not keep from a shell."""


def words(sources: "Mapping[str, object]", values: Sequence[str]) -> tuple[str, ...]:
    """What names a statement and its values again; nothing for what was read from stdin."""
    for option, value in sources.items():
        if value is not None and str(value) != "-":
            last = ("--", str(value)) if str(value).startswith("-") else (str(value),)
            return (*values, *(last if option == "a statement" else (option, str(value))))
    return ()


def offered(call: "Call", report: "Report", named: Sequence[str], *, planned: bool) -> "Report":
    """The report whose next step has a planner try the index that a rule proposes.

    What was piped in is not spelled again; there it is the revision, where there is a history.
    """
    if not report.next:
        return report
    run = ["--no-analyze"] if planned else []
    if named and (command := _spelled(call, [*run, *named])):
        return replace(report, next=(command,))
    return report if _has_history(call) else replace(report, next=())


def _spelled(call: "Call", words: Sequence[str]) -> str:
    """`--advise` for the same database; empty where a URL with a password would be told."""
    options = call.options
    if options.configs or options.x or tells_secret(call):
        return ""
    place = [*(("--url", options.url) if options.url else ())]
    place += ["--env", options.env] if options.env else []
    place += ["-n", options.name] if options.name else []
    return " ".join(map(_quoted, ["dbtool", "explain", "--advise", *place, *words]))


def _has_history(call: "Call") -> bool:
    """Whether a revision could be written here."""
    settings = call.settings
    return bool(settings.alembic_config or settings.project.alembic_table or call.options.configs)


def after_advice(
    call: "Call", advice: "Advice", words: Sequence[str], *, spelled: bool
) -> tuple[str, ...]:
    """The same once more, writing the revision; no planner's word, no revision."""
    from dbtool.explain.advice import view
    from dbtool.explain.advice.result import Proof

    steps = view.next_steps(advice)
    if not steps or not _has_history(call):
        return ()
    proven = any(each.proof is not Proof.NONE for each in advice.proposals)
    again = _spelled(call, ["--revision", *words]) if spelled and proven else ""
    return (again,) if again else steps


def _quoted(word: str) -> str:
    """A word for a shell; SQL is full of the marks that single quotes would have to leave out."""
    return shlex.quote(word) if _SHELL.intersection(word) or "'" not in word else f'"{word}"'
