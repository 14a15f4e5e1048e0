"""A report as GitHub-flavoured Markdown, made for a comment on a pull request."""

import html
import re

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Unknown, together
from dbtool.render.alike import ALL, counted_alike
from dbtool.render.counts import count_line
from dbtool.render.screen import PAPER, words_of
from dbtool.render.terminal import section_lines
from dbtool.render.words import clean, one_line
from dbtool.report import Bars, Code, Diff, Report, Section, Table, Text, Tree

_LONG = 20
_SPECIAL = re.compile(r"[\\`*_\[\]|~]")
_MENTION = re.compile(r"([@#])(?=\w)")
_STARTS_BLOCK = re.compile(r"^(\s*\d*)([-+.)])(?=\s)")


def render(report: Report) -> str:
    """The report, longer parts folded; its last line counts what was found."""
    blocks = [f"## dbtool {escaped(report.command)}"]
    blocks += [escaped(report.headline)] if report.headline else []
    blocks += [_section(section) for section in report.sections]
    blocks += [_finding(number, each) for number, each in enumerate(together(report.findings), 1)]
    blocks += [_unknown(unknown) for unknown in report.unknowns]
    blocks += [] if report.error is None else _failure(report.error)
    blocks += [_section(section) for section in report.below]
    blocks += [f"> {escaped(note)}" for note in report.notes]
    blocks += [f"Next:\n\n{fenced(chr(10).join(report.next), 'shell')}"] if report.next else []
    blocks += [f"**{line}**"] if (line := count_line(report)) else []
    return "\n\n".join(blocks) + "\n"


def failure(command: str, error: DbtoolError) -> str:
    """A run that failed."""
    return "\n\n".join([f"## dbtool {escaped(command)}".rstrip(), *_failure(error)]) + "\n"


def _failure(error: DbtoolError) -> list[str]:
    blocks = [f"**error**: {escaped(error.message)}"]
    for label, text in (("detail", error.detail), ("hint", error.hint)):
        if "\n" in text:
            blocks += [f"**{label}**:", fenced(text)]
        elif text:
            blocks.append(f"**{label}**: {escaped(text)}")
    return blocks


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no mention, no reference."""
    text = _SPECIAL.sub(r"\\\g<0>", html.escape(one_line(text), quote=False))
    return _STARTS_BLOCK.sub(r"\1\\\2", _unlinked(text))


def fenced(code: str, language: str = "") -> str:
    """Code between fences longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{clean(code).strip(chr(10))}\n{fence}"


def _unlinked(text: str) -> str:
    return _MENTION.sub(r"\1<!-- -->", text)


def _in_summary(text: str) -> str:
    """Text for a `<summary>`, where HTML rules and Markdown does not."""
    return _unlinked(html.escape(one_line(text), quote=False))


def _inline_code(text: str) -> str:
    return f"<code>{_in_summary(text)}</code>"


def _folded(summary: str, body: str, *, is_open: bool = False) -> str:
    tag = "<details open>" if is_open else "<details>"
    return f"{tag}<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _finding(number: int, alike: tuple[Finding, ...]) -> str:
    finding = alike[0]
    word = finding.severity.word
    certainty, title = _in_summary(finding.certainty), _in_summary(finding.title)
    summary = f"[{number}] <b>{word}</b> ({certainty}): {title} {_inline_code(finding.rule)}"
    blocks = [f"at {_inline_code(str(finding.location))}"] if finding.location else []
    if finding.evidence:
        blocks.append("\n".join(f"- {escaped(line)}" for line in finding.evidence))
    if finding.fix:
        label = f"Fix: {escaped(finding.fix.label)}" if finding.fix.label else "Fix:"
        blocks += [label, fenced(finding.fix.code, finding.fix.language)]
    if len(alike) > 1:
        blocks.append(escaped(f"{counted_alike(alike)}; {ALL}"))
    return _folded(summary, "\n\n".join(blocks), is_open=word == "error") if blocks else summary


def _unknown(unknown: Unknown) -> str:
    rule = _inline_code(unknown.rule)
    decide = escaped(unknown.decide)
    place = f" at {_inline_code(str(unknown.location))}" if unknown.location else ""
    return f"<b>unknown</b>: {_in_summary(unknown.reason)} {rule}{place}\n\n- to decide: {decide}"


def _section(section: Section) -> str:
    body = _body(section)
    if body.count("\n") > _LONG and not isinstance(section, Text):
        return _folded(_in_summary(section.title or "Details"), body)
    return f"### {escaped(section.title)}\n\n{body}" if section.title else body


def _body(section: Section) -> str:
    match section:
        case Table():
            return _table(section)
        case Code():
            return fenced(section.code, section.language)
        case Diff():
            return fenced(section.text, "diff")
        case Tree() | Bars():
            lines = section_lines(section, PAPER)
            return fenced("\n".join(lines[1:] if section.title else lines))
        case Text():
            return _prose(section.text.strip("\n"))


def _prose(text: str) -> str:
    """Lines of prose; what is aligned by blanks stays as it is."""
    if re.search(r"^[ \t]|\S {2,}\S", text, flags=re.MULTILINE):
        return fenced(text)
    return "\n".join(escaped(line) for line in text.split("\n"))


def _in_cell(text: str) -> str:
    """The text of a cell; an indent stays visible."""
    words = text.lstrip(" ")
    return "&nbsp;" * (len(text) - len(words)) + escaped(words)


def _table(table: Table) -> str:
    if not any(column.title for column in table.columns):
        return "\n".join(f"- {': '.join(map(_in_cell, map(words_of, row)))}" for row in table.rows)
    rules = ["--:" if column.align == "right" else "---" for column in table.columns]
    rows = [[_in_cell(words_of(cell)) for cell in row] for row in table.rows]
    lines = [[escaped(column.title) for column in table.columns], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
