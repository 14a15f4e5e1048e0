"""The heads of a history that came apart, and the commits that brought them."""

from dataclasses import dataclass
from pathlib import Path

from dbtool.migrate.history import History, Revision
from dbtool.migrate.unmerged import Git
from dbtool.report import listed

_NAMED = 5
_FORMAT = "%h%x00%an%x00%as%x00%s"


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that added a file."""

    id: str
    author: str
    date: str
    subject: str

    @property
    def shown(self) -> str:
        """The commit in a line."""
        return f"{self.id} {self.date} {self.author}: {self.subject}"


@dataclass(frozen=True, slots=True)
class Head:
    """One head: the revisions that only it leads to, the newest first, and where they came from.

    `follows` is what the oldest of them comes after. `commit` is the one that added the file of
    the head; None where it is not committed, or there is no git.
    """

    revision: str
    message: str
    file: str
    own: tuple[str, ...]
    follows: tuple[str, ...]
    labels: tuple[str, ...] = ()
    commit: Commit | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """Its file, what it brings along and comes behind, and who added it."""
        behind = f"behind {', '.join(self.follows)}" if self.follows else "a beginning of its own"
        others = f"with {listed(self.own[1:], _NAMED)}, " if len(self.own) > 1 else ""
        commit = (f"added by {self.commit.shown}",) if self.commit else ()
        return (self.file, f"{others}{behind}", *commit)


@dataclass(frozen=True, slots=True)
class Heads:
    """All heads; several are `meant` where each has a label of its own, or its own beginning."""

    heads: tuple[Head, ...]
    meant: bool = False


def heads_of(whole: History, base: Path) -> Heads:
    """The heads of a history whose files are named from a directory."""
    named = {each.revision: each for each in whole.revisions}
    leads = {head: _before(named, head) for head in whole.heads}
    found = tuple(_head(named, head, leads, base) for head in whole.heads)
    return Heads(found, _are_meant(found, leads))


def _before(named: dict[str, Revision], head: str) -> set[str]:
    found: set[str] = set()
    todo = [head]
    while todo:
        name = todo.pop()
        if name in named and name not in found:
            found.add(name)
            todo += (*named[name].down_revisions, *named[name].depends_on)
    return found


def _head(named: dict[str, Revision], head: str, leads: dict[str, set[str]], base: Path) -> Head:
    others = set().union(*(leads[each] for each in leads if each != head))
    own = tuple(each for each in named if each in leads[head] and each not in others)
    revision = named[head]
    return Head(
        revision=head,
        message=revision.message,
        file=revision.file,
        own=own,
        follows=named[own[-1] if own else head].down_revisions,
        labels=revision.branch_labels,
        commit=_commit(base / revision.file) if len(leads) > 1 else None,
    )


def _are_meant(heads: tuple[Head, ...], leads: dict[str, set[str]]) -> bool:
    """Whether somebody keeps these branches apart on purpose."""
    labels = [each.labels for each in heads]
    if all(labels) and len({*labels}) == len(labels):
        return True
    sides = list(leads.values())
    return all(not one & other for place, one in enumerate(sides) for other in sides[:place])


def _commit(file: Path) -> Commit | None:
    """Who added a file, as git tells it."""
    git = Git(str(file.parent))
    said = git.ask("log", "--diff-filter=A", "-1", f"--format={_FORMAT}", "--", file.name)
    parts = (said or b"").decode("utf-8", "replace").strip().split("\0")
    return Commit(*parts) if len(parts) == 4 else None
