"""A file of findings that are known and accepted, one a line: the rule, then the object."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.finding import Finding

_HEAD = "# Findings of dbtool doctor that are known: rule, object. Write a reason behind a #.\n"


@dataclass(frozen=True, slots=True)
class Known:
    """What is accepted, and where that is written."""

    lines: frozenset[str] = frozenset()
    path: str = ""

    def has(self, finding: Finding) -> bool:
        """Whether this finding is accepted."""
        return _line(finding) in self.lines

    def gone(self, found: Iterable[str]) -> list[str]:
        """What is accepted and was not found."""
        return sorted(self.lines - set(found))


def read(path: Path) -> Known:
    """The findings a file accepts. Raises UsageError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the baseline {path}",
            detail=str(getattr(error, "strerror", None) or error),
            hint="--write-baseline makes one of what is found now.",
        ) from error
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return Known(frozenset(line for line in lines if line and not line.startswith("#")), str(path))


def written(findings: Iterable[Finding]) -> str:
    """The text of a baseline that accepts these."""
    return _HEAD + "".join(f"{line}\n" for line in sorted(known_lines(findings)))


def known_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Each finding as a line of the file."""
    return map(_line, findings)


def _line(finding: Finding) -> str:
    name = finding.location.name if finding.location else None
    return f"{finding.rule} {name or ''}".strip()
