"""Explain every statement whose plan was kept in a directory, and compare."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, Interrupted, LockNotObtained, UsageError
from dbtool.explain import keeping
from dbtool.explain.baseline import SUFFIX, Baseline, Kept, keep, loads
from dbtool.explain.change import Change
from dbtool.explain.changes import compare, failed
from dbtool.explain.given import values
from dbtool.explain.run import How, explain
from dbtool.finding import Location, Unknown
from dbtool.guard import Permission
from dbtool.ports import Progress
from dbtool.sql.named import only

UNKEPT = "plan-not-kept"


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the kept plans; `accepted` are files whose plans are kept anew."""

    directory: str
    changes: tuple[Change, ...]
    accepted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = field(default=(), metadata={"json": False})


@dataclass(frozen=True, slots=True)
class Kit:
    """What a check needs besides the directory: server, consent, and how statements are run."""

    target: Target
    permission: Permission
    progress: Progress
    how: How


def check(directory: Path, kit: Kit, *, accept: bool) -> Checked:
    """Compare the plans kept below a directory with those of now; `accept` keeps those of now."""
    if not directory.is_dir():
        raise UsageError(
            f'"{directory}" is no directory',
            hint="dbtool explain --check DIR compares the .sql files below it.",
        )
    run = _Check(directory, kit, accept=accept)
    for path in sorted(directory.rglob(f"*{SUFFIX}")):
        run.compare(path)
    bare = [path for path in sorted(directory.rglob("*.sql")) if path.resolve() not in run.seen]
    if not run.any and not bare:
        raise UsageError(f'there are no .sql files below "{directory}"')
    for path in bare:
        run.begin(path)
    return run.result()


class _Check:
    """One walk through a directory."""

    def __init__(self, directory: Path, kit: Kit, *, accept: bool) -> None:
        self._directory = directory
        self._kit = kit
        self._accept = accept
        self.seen: set[Path] = set()
        self.any = False
        self._changes: list[Change] = []
        self._unknowns: list[Unknown] = []
        self._notes: list[str] = []
        self._accepted: list[str] = []

    def result(self) -> Checked:
        """What was found."""
        return Checked(
            str(self._directory),
            tuple(self._changes),
            tuple(self._accepted),
            tuple(dict.fromkeys(self._notes)),
            tuple(self._unknowns),
        )

    def compare(self, path: Path) -> None:
        """The statements of one baseline."""
        self.any = True
        before = loads(_read(path), f'"{path}"')
        source = path.parent / before.source
        if not before.name:
            self.seen.add(source.resolve())
        self._kit.progress.step(f"explaining {source}")
        try:
            now = self._now(source, before, path)
        except (ConnectError, Interrupted):
            raise
        except DbtoolError as error:
            self._failed(before, source, error)
            return
        if self._accept:
            self._keep(
                path, replace(now, source=before.source, name=before.name, params=before.params)
            )
            return
        if before.version != now.version:
            self._notes.append(
                f"some plans were kept on PostgreSQL {before.version}; this is {now.version}"
            )
        if before.settings != now.settings:
            self._notes.append(f"{source}: kept with {_shown(before)}, now with {_shown(now)}")
        self._changes.extend(self._pairs(before, now, source))

    def begin(self, path: Path) -> None:
        """A file whose plans nobody kept."""
        if not self._accept:
            self._unknowns.append(
                Unknown(
                    rule=UNKEPT,
                    reason=f"no plan of {path} is kept",
                    decide=f"dbtool explain --check {self._directory} --accept keeps it",
                    location=Location(str(path)),
                )
            )
            return
        self._kit.progress.step(f"explaining {path}")
        try:
            now = self._now(path, Baseline(0, ()), path)
        except (ConnectError, Interrupted):
            raise
        except DbtoolError as error:
            self._unexplained(path, error)
            return
        baseline = path.with_name(f"{path.stem}{SUFFIX}")
        self._keep(baseline, replace(now, source=path.name))

    def _now(self, source: Path, before: Baseline, path: Path) -> Baseline:
        text = _read(source)
        if before.name:
            text = only(text, before.name, str(source))
        given: tuple[str, ...] = ()
        if before.params:
            params = path.parent / before.params
            given = values(_read(params), f'"{params}"')
        kit = self._kit
        how = replace(kit.how, parameters=given, generic=not given, file=str(source))
        found = explain(kit.target, text, how=how, permission=kit.permission, progress=kit.progress)
        if refused := next((each for each in found.statements if each.refused), None):
            raise UsageError("the statement was not run", detail=refused.refused)
        return keep(found)

    def _keep(self, path: Path, baseline: Baseline) -> None:
        keeping.write(path, baseline)
        self._accepted.append(str(path))

    def _failed(self, before: Baseline, source: Path, error: DbtoolError) -> None:
        """What the server refuses got worse; what dbtool refuses is not known."""
        if hasattr(error.__cause__, "sqlstate") and not isinstance(error, LockNotObtained):
            self._changes.append(failed(before.statements[0], str(source), error.message))
        else:
            self._unexplained(source, error)

    def _unexplained(self, source: Path, error: DbtoolError) -> None:
        self._unknowns.append(
            Unknown(
                rule=UNKEPT,
                reason=f"{source}: {error.message}. {error.detail}".rstrip(". "),
                decide=error.hint or "explain it alone: dbtool explain -f " + str(source),
                location=Location(str(source)),
            )
        )

    def _pairs(self, before: Baseline, now: Baseline, source: Path) -> Iterator[Change]:
        """Each statement beside the one that was kept: by what it is, else by its place."""
        left = list(before.statements)
        unpaired: list[Kept] = []
        for new in now.statements:
            old = next((each for each in left if _same(each, new)), None)
            if old is None:
                unpaired.append(new)
            else:
                left.remove(old)
                yield self._change(old, new, source)
        for old, new in zip(left, unpaired, strict=False):
            self._notes.append(f"{source}:{new.line}: the statement was edited since")
            yield self._change(old, new, source)
        for new in unpaired[len(left) :]:
            self._unknowns.append(
                Unknown(
                    rule=UNKEPT,
                    reason=f"no plan of the statement on line {new.line} of {source} is kept",
                    decide=f"dbtool explain --check {self._directory} --accept keeps it",
                    location=Location(str(source), new.line),
                )
            )

    def _change(self, old: Kept, new: Kept, source: Path) -> Change:
        change = compare(old, new, str(source))
        if old.measured == new.measured:
            return change
        lost = Unknown(
            rule=UNKEPT,
            reason=f"{source}:{new.line}: one of the two plans was not run",
            decide="keep it with its values in a file (--params), or accept the plan of now",
            location=Location(str(source), new.line),
        )
        return replace(change, unknowns=(*change.unknowns, lost))


def _same(old: Kept, new: Kept) -> bool:
    return (old.fingerprint, old.values) == (new.fingerprint, new.values)


def _shown(baseline: Baseline) -> str:
    return ", ".join(f"{name} = {value}" for name, value in baseline.settings) or "usual settings"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f'"{path}" is not UTF-8', detail=str(error)) from error
