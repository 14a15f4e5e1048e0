"""Which revisions somebody means: named, in a range, by file, or those the main branch lacks."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.script import Script, ScriptDirectory

from dbtool.errors import UsageError
from dbtool.migrate.location import relative
from dbtool.migrate.lookup import all_scripts, resolve
from dbtool.migrate.ranges import split_range
from dbtool.migrate.unmerged import Unmerged, unmerged, unreleased
from dbtool.report import counted

_RELATIVE = re.compile(r"(?P<start>[^+\-]*)(?P<way>[+\-])(?P<count>\d+)\Z")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Revisions by name, by range or by file; none stands for those the main branch lacks.

    `since` is the last revision that nobody wants judged, with all before it. `down` asks for
    the way back too. `released` is a tag or commit to compare with instead of the main branch.
    """

    revisions: tuple[str, ...] = ()
    since: str | None = None
    down: bool = False
    released: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The revisions to judge, all that are needed to reach them, and why those.

    `own` says that they were named, or that the main branch has none of them.
    """

    judged: frozenset[str]
    needed: frozenset[str]
    why: str
    own: bool = True


def given(wanted: Wanted) -> Wanted:
    """The wish with its files named as they are found from everywhere."""
    names = (str(Path(each).absolute()) if _is_file(each) else each for each in wanted.revisions)
    return replace(wanted, revisions=tuple(names))


def _is_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name


def choose(script: ScriptDirectory, wanted: Wanted) -> Chosen:
    """Which revisions are meant."""
    history = _History(script)
    if wanted.revisions:
        judged = frozenset().union(*map(history.meant, wanted.revisions))
        return Chosen(
            judged, history.with_ancestors(judged), f"{counted(len(judged), 'revision')}, as named"
        )
    settled = history.with_ancestors(history.named(wanted.since)) if wanted.since else frozenset()
    new = _new(history, wanted.released)
    found = frozenset(history.scripts) if isinstance(new, str) else new.revisions
    judged = found - settled
    why = _why(new, len(judged))
    why += f", after {wanted.since}" if settled else ""
    known = not isinstance(new, str)
    return Chosen(judged, history.with_ancestors(judged), why, own=known)


def _new(history: "_History", released: str | None) -> Unmerged | str:
    files = {os.path.realpath(each.path): name for name, each in history.scripts.items()}
    if released is not None:
        return unreleased(files, history.directories, released)
    return unmerged(files, history.directories)


def _why(new: Unmerged | str, count: int) -> str:
    if isinstance(new, str):
        return f"all revisions ({new})"
    if not count:
        return f"no revision that {new.branch} does not have"
    return f"{counted(count, 'revision')} that {new.branch} does not have"


class _History:
    """The revisions of a project, and what names stand for."""

    def __init__(self, script: ScriptDirectory) -> None:
        self._script = script
        resolve(script, script.get_heads)
        self.scripts: Mapping[str, Script] = {each.revision: each for each in all_scripts(script)}
        self.directories = tuple(map(os.path.realpath, script._version_locations))

    def meant(self, name: str) -> frozenset[str]:
        """The revisions one argument stands for."""
        if _is_file(name):
            return frozenset((self._of_file(name),))
        if name[:1] == "-" and name[1:].isdigit():
            return frozenset(self._newest_first()[: int(name[1:])])
        if ":" in name:
            start, end = split_range(name)
            before = self.with_ancestors(self.named(start)) if start else frozenset()
            return self.with_ancestors(self.named(end or "heads")) - before
        return self.named(name)

    def named(self, name: str) -> frozenset[str]:
        """The revisions a name stands for, as Alembic understands it."""
        if (found := _RELATIVE.match(name)) and name not in self.scripts:
            return frozenset((self._walked(found),))
        name = "heads" if name == "head" else name
        scripts = resolve(self._script, lambda: self._script.get_revisions(name))
        return frozenset(each.revision for each in scripts if each is not None)

    def with_ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """Revisions, and all that must have run before them."""
        found: set[str] = set()
        todo = list(revisions)
        while todo:
            revision = todo.pop()
            if revision not in found:
                found.add(revision)
                todo += self.scripts[revision]._all_down_revisions
        return frozenset(found)

    def _of_file(self, name: str) -> str:
        path = os.path.realpath(name)
        for revision, script in self.scripts.items():
            if os.path.realpath(script.path) == path:
                return revision
        if not Path(path).is_file():
            raise UsageError(f"there is no file {relative(Path(name))}")
        places = ", ".join(relative(Path(each)) for each in self.directories)
        raise UsageError(
            f"{relative(Path(name))} is no revision of this history",
            detail=f"Revisions lie in {places}.",
            hint="See dbtool history for the revisions there are.",
        )

    def _newest_first(self) -> tuple[str, ...]:
        walked = resolve(self._script, lambda: list(self._script.walk_revisions()))
        return tuple(each.revision for each in walked)

    def _walked(self, found: re.Match[str]) -> str:
        """One revision, so many steps before or after another."""
        places = self.named(found["start"] or "heads")
        for _ in range(int(found["count"])):
            places = frozenset(
                each
                for place in places
                for each in self._beside(self.scripts[place], forward=found["way"] == "+")
            )
        if len(places) != 1:
            raise UsageError(
                f'"{found[0]}" is not one revision',
                detail=", ".join(sorted(places)) or "The history ends before.",
                hint="Name the revision; see dbtool history.",
            )
        return next(iter(places))

    @staticmethod
    def _beside(script: Script, *, forward: bool) -> Iterable[str]:
        return script.nextrev if forward else script._versioned_down_revisions
