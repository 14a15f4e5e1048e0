"""What a version table records, and what is still to come."""

from dataclasses import dataclass

from alembic.script import ScriptDirectory

from dbtool.migrate.lookup import resolve


@dataclass(frozen=True, slots=True)
class Standing:
    """The revisions one version table records, the heads, and the revisions in between."""

    version_table: str
    recorded: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()


def standing_of(version_table: str, script: ScriptDirectory, at: tuple[str, ...]) -> Standing:
    """Where a version table stands that records these revisions."""
    steps = resolve(script, lambda: script._upgrade_revs("heads", at))  # type: ignore[arg-type]
    pending = tuple(each.revision.revision for each in steps)
    return Standing(version_table, at, tuple(script.get_heads()), pending)
