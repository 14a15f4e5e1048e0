"""What a version table records, and what is pending."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


@dataclass(frozen=True, slots=True)
class Standing:
    """The revisions one version table records, the heads, and the revisions in between.

    `unknown` are those recorded that no file has; then nobody can say what is pending.
    """

    version_table: str
    recorded: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def ahead(self) -> tuple[str, ...]:
        """The heads that are pending."""
        return tuple(each for each in self.heads if each in self.pending)


def standing_of(version_table: str, script: "ScriptDirectory", at: tuple[str, ...]) -> Standing:
    """Where a version table stands that records these revisions."""
    from dbtool.migrate.lookup import all_scripts, resolve

    known = {each.revision for each in resolve(script, lambda: all_scripts(script))}
    if unknown := tuple(each for each in at if each not in known):
        return Standing(version_table, at, tuple(script.get_heads()), unknown=unknown)
    steps = resolve(script, lambda: script._upgrade_revs("heads", at))  # type: ignore[arg-type]
    pending = tuple(each.revision.revision for each in steps)
    return Standing(version_table, at, tuple(script.get_heads()), pending)
