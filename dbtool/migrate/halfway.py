"""What is said of a revision that has ended in the middle."""

from dbtool.errors import OperationError
from dbtool.migrate.journal import Entry, Journal
from dbtool.report import counted

_LISTED = 8


def for_a_person(journal: Journal) -> OperationError:
    """Nothing but a person's decision leads on from here."""
    verb, half = ("downgrade", "undone") if journal.down else ("upgrade", "applied")
    message = f"revision {journal.revision} is half {half}, and only you can say how to go on"
    if not journal.legible:
        return OperationError(
            "an earlier run ended in the middle of a revision, and its note was altered",
            detail="The comment on the version table begins as dbtool's and cannot be read.",
            hint=f"See what stands, then: dbtool {verb} --resume rerun, or take the comment away.",
        )
    lines = [f"  {line(each)}" for each in journal.done[:_LISTED]]
    if len(journal.done) > _LISTED:
        lines.append(f"  and {len(journal.done) - _LISTED} more")
    if journal.begun is not None:
        lines.append(f"begun, and perhaps done: {journal.begun.excerpt}")
    by_hand = f"Or finish it by hand, then: dbtool stamp {journal.revision}."
    skip = "--resume skip leaves these statements out and runs the rest;"
    if any(each.times > 1 for each in journal.done):
        hint = f"dbtool {verb} --resume rerun runs all of it again. {by_hand}"
    else:
        hint = f"dbtool {verb} {skip} --resume rerun runs all of it again. {by_hand}"
    detail = "An earlier run has committed of it:\n" + "\n".join(lines)
    return OperationError(message, detail=detail, hint=hint)


def refuse_others(found: Journal, planned: frozenset[str], *, down: bool) -> None:
    """Nothing else may run on a schema that a revision has left half done."""
    if not found.legible:
        raise for_a_person(found)
    if found.revision in planned and found.down == down:
        return
    verb, half = ("downgrade", "undone") if found.down else ("upgrade", "applied")
    back = "the revision below it" if found.down else found.revision
    raise OperationError(
        f"revision {found.revision} is half {half}; nothing else runs before that is settled",
        detail="An earlier run has committed of it:\n"
        + "\n".join(f"  {line(each)}" for each in found.done[:_LISTED]),
        hint=f"First dbtool {verb} to {back} again, which goes on where it ended. Or finish it by"
        " hand, then: dbtool stamp REVISION.",
    )


def goes_on(found: Journal) -> str:
    """What an earlier run has left of a revision that runs again."""
    if found.done:
        many = counted(len(found.done), "statement")
        is_are = "is" if len(found.done) == 1 else "are"
        return f"revision {found.revision} is half applied: {many} of it {is_are} committed already"
    if found.begun is not None:
        return f"revision {found.revision} is half applied: its first statement may be committed"
    return f"revision {found.revision} was begun before, and nothing of it is committed"


def line(entry: Entry) -> str:
    """A statement as it is listed."""
    times = f" ({entry.times:,} times or more)" if entry.times > 1 else ""
    return f"{entry.excerpt}{times}"
