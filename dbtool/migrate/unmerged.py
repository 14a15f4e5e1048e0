"""Which revision files the main branch does not have: asked of git, by revision and not by name.

A file that was renamed, or moved, is the revision it was.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.migrate.headers import of_text

_TARGETS = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CHANGE_TARGET",
)
"""Where a CI service says into which branch the one at work is to be merged."""

_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_CLAIM = re.compile(rb"""^revision\b[^=\n]*=\s*['"]([^'"]+)['"]""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unmerged:
    """The revisions that a branch does not have."""

    revisions: frozenset[str]
    branch: str


def unmerged(files: Mapping[str, str], directories: Sequence[str]) -> Unmerged | str:
    """The revisions, given by their files, that the main branch lacks; or why nobody knows."""
    existing = [each for each in directories if Path(each).is_dir()]
    if not existing:
        return "there are none"
    git = Git(existing[0])
    told = git.ask("rev-parse", "--show-toplevel", "--is-shallow-repository")
    if told is None:
        return git.refusal()
    top, shallow = told.decode().splitlines()
    if git.ask("rev-parse", "--verify", "-q", "HEAD") is None:
        return "git has no commit yet"
    branch = _branch(git)
    if branch is None:
        if shallow == "true":
            raise _too_shallow("the main branch")
        return "git knows neither main nor master"
    base = git.ask("merge-base", "HEAD", branch)
    if base is None:
        if shallow == "true":
            raise _too_shallow(branch)
        return f"nothing is common with {branch}"
    inside = [each for each in existing if Path(each).is_relative_to(top)]
    return Unmerged(_Comparison(git, top, base.decode().strip(), inside).new(files), _shown(branch))


def unreleased(files: Mapping[str, str], directories: Sequence[str], released: str) -> Unmerged:
    """The revisions, given by their files, that a tag or commit lacks."""
    existing = [each for each in directories if Path(each).is_dir()]
    git = Git(existing[0] if existing else ".")
    commit, top = git.commit(released), git.top
    inside = [each for each in existing if Path(each).is_relative_to(top)]
    return Unmerged(_Comparison(git, top, commit, inside).new(files), released)


@dataclass(frozen=True, slots=True)
class Git:
    """Git, asked in one directory."""

    directory: str

    def ask(self, *words: str, given: bytes = b"") -> bytes | None:
        """What git says; None where it fails, or is not there."""
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        command = ("git", "-C", self.directory, *words)
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, check=False, env=environment
            )
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None

    @property
    def top(self) -> str:
        """The directory that the repository is in."""
        return (self.ask("rev-parse", "--show-toplevel") or b"").decode().strip()

    def commit(self, name: str) -> str:
        """The commit a tag, branch or id stands for; raises UsageError where there is none."""
        found = self.ask("rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if found is not None:
            return found.decode().split()[-1]
        if self.ask("rev-parse", "--git-dir") is None:
            raise UsageError(f'"{name}" cannot be looked up: {self.refusal()}')
        tags = (self.ask("tag", "--sort=-creatordate") or b"").decode().split()[:3]
        newest = f"The newest tags are {', '.join(tags)}." if tags else "This clone has no tags."
        fetched = "Fetch the tags (fetch-depth: 0 for actions/checkout), or name a commit."
        raise UsageError(f'git knows no tag or commit "{name}"', detail=newest, hint=fetched)

    def refusal(self) -> str:
        """Why git does not answer at all."""
        try:
            done = subprocess.run(
                ("git", "-C", self.directory, "rev-parse"), capture_output=True, check=False
            )
        except OSError:
            return "git is not installed"
        if b"dubious ownership" in done.stderr:
            raise UsageError(
                "git refuses to read this repository: it belongs to somebody else",
                hint=f"git config --global --add safe.directory {self.directory} allows it;"
                " or name the revisions.",
            )
        return "this is no git repository"


def base_of(git: Git) -> str | None:
    """Where this branch left the main one; the last commit where there is no other."""
    branch = _first(git, _MAIN)
    found = git.ask("merge-base", "HEAD", branch) if branch is not None else None
    found = found or git.ask("rev-parse", "-q", "--verify", "HEAD^{commit}")
    return found.decode().strip() if found else None


def _branch(git: Git) -> str | None:
    """The branch this one leaves from and goes back to."""
    target = next((os.environ[each] for each in _TARGETS if os.environ.get(each)), None)
    if target is None:
        return _first(git, _MAIN)
    name = target.removeprefix("refs/heads/")
    found = _first(git, (f"origin/{name}", name))
    if found is None:
        raise _too_shallow(name)
    return found


def _first(git: Git, names: Iterable[str]) -> str | None:
    exists = (
        each for each in names if git.ask("rev-parse", "-q", "--verify", f"{each}^{{commit}}")
    )
    return next(exists, None)


def _shown(branch: str) -> str:
    return "origin's main branch" if branch == "origin/HEAD" else branch


def _too_shallow(branch: str) -> UsageError:
    name = branch.removeprefix("origin/")
    return UsageError(
        f"this clone does not reach back to where it left {name}",
        detail="Which revisions are new is told from there.",
        hint="Fetch the whole history (fetch-depth: 0 for actions/checkout, GIT_DEPTH: 0 in"
        " GitLab), or name the revisions.",
    )


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The working tree beside one commit."""

    git: Git
    top: str
    base: str
    directories: Sequence[str]

    def new(self, files: Mapping[str, str]) -> frozenset[str]:
        """The revisions of the working tree that the commit lacks."""
        outside = {file for file in files if not Path(file).is_relative_to(self.top)}
        before, after = [], list(self._untracked())
        for status, path in self._changed():
            if status != "A":
                before.append(path)
            if status != "D":
                after.append(path)
        touched = {files[path] for each in after if (path := self._real(each)) in files}
        touched |= {files[each] for each in outside}
        return frozenset(touched) - frozenset(self._ids(before))

    def _real(self, path: str) -> str:
        return os.path.realpath(Path(self.top, path))

    def _changed(self) -> Iterator[tuple[str, str]]:
        words = ("diff", "--name-status", "--no-renames", "-z", self.base, "--")
        parts = self._list(*words, *self.directories)
        yield from zip(parts[::2], parts[1::2], strict=True)

    def _untracked(self) -> Iterable[str]:
        return self._list("ls-files", "--others", "--full-name", "-z", "--", *self.directories)

    def _list(self, *words: str) -> list[str]:
        said = self.git.ask(*words) or b"" if self.directories else b""
        return [os.fsdecode(each) for each in said.split(b"\0") if each]

    def _ids(self, paths: Sequence[str]) -> Iterator[str]:
        """The revisions that files of the commit are."""
        names = "".join(f"{self.base}:{each}\n" for each in paths if each.endswith(".py"))
        said = self.git.ask("cat-file", "--batch", given=names.encode()) or b"" if names else b""
        while said:
            head, _, rest = said.partition(b"\n")
            size = int(head.split()[-1]) if head.split()[-1].isdigit() else -1
            yield from _claimed(rest[: max(size, 0)])
            said = rest[size + 1 :]


def _claimed(source: bytes) -> Iterator[str]:
    header = of_text(source.decode("utf-8", "replace"), Path())
    if header is not None:
        yield header.revision
    elif found := _CLAIM.search(source):
        yield found[1].decode()
