"""A report for people: on a screen, and as plain text where nobody looks at one."""

import re
from collections.abc import Iterable, Iterator

from dbtool.finding import Finding, Unknown, together
from dbtool.render.alike import ALL, counted_alike
from dbtool.render.counts import count_line
from dbtool.render.screen import Screen, paint, words_of
from dbtool.render.table import table_lines
from dbtool.render.words import clean, columns, one_line, padded, wrapped
from dbtool.report import Bar, Bars, Code, Diff, Node, Report, Section, Table, Text, Tone, Tree
from dbtool.severity import Severity

_TONES: dict[Severity, Tone] = {
    Severity.NOTE: "note",
    Severity.WARNING: "warning",
    Severity.ERROR: "error",
}

_COMMAND = re.compile(r"\s*(?:next: )?dbtool\s")
_WORD = re.compile(r"""\s*(?:\#.*|(?:next:\s)?(?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*")+|\S+)""", re.S)
"""A word of a command, and the blanks before it: quotes hold together what is in them."""


def render(report: Report, screen: Screen) -> str:
    """The whole report; its last line counts what was found and what stays unknown."""
    blocks = [_paragraph(report.headline, screen, "strong")] if report.headline else []
    blocks += [section_lines(section, screen) for section in report.sections]
    told = enumerate(together(report.findings), 1)
    blocks += [_finding(number, each, screen) for number, each in told]
    blocks += [_unknown(unknown, screen) for unknown in report.unknowns]
    blocks += [section_lines(section, screen) for section in report.below]
    blocks += [_paragraph(f"info: {note}", screen, hang="      ") for note in report.notes]
    blocks += [_next(report.next, screen.width)] if report.next else []
    blocks += [[line]] if (line := count_line(report)) else []
    return "\n\n".join("\n".join(block) for block in blocks) + "\n" if blocks else ""


def section_lines(section: Section, screen: Screen) -> list[str]:
    """One section as lines, below its title."""
    title = [paint(clean(section.title), "strong", screen)] if section.title else []
    match section:
        case Text():
            lines = clean(section.text).rstrip("\n").split("\n")
            body = [piece for line in lines for piece in wrapped(line, screen.width)]
        case Table():
            body = table_lines(section, screen)
        case Tree():
            body = list(_tree(section.roots, screen, "", top=True))
        case Code():
            body = _code(section.code, section.language, "    ", screen)
        case Diff():
            body = [_diff_line(line, screen) for line in clean(section.text).splitlines()]
        case Bars():
            body = _bars(section.bars, screen)
    return title + body


def _paragraph(text: str, screen: Screen, tone: Tone = "plain", hang: str = "") -> list[str]:
    lines = wrapped(one_line(text), screen.width, hang)
    return [paint(line, tone, screen) for line in lines]


def _tree(nodes: Iterable[Node], screen: Screen, stem: str, *, top: bool = False) -> Iterator[str]:
    last = len(nodes := tuple(nodes)) - 1
    for place, node in enumerate(nodes):
        if top:
            branch, below = "", ""
        elif not screen.drawing:
            branch, below = "  ", "  "
        else:
            branch, below = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
        tone: Tone = "plain" if isinstance(node.label, str) else node.label.tone
        room = screen.width and max(8, screen.width - columns(stem + branch))
        first, *rest = wrapped(one_line(words_of(node.label)), room)
        yield stem + branch + paint(first, tone, screen)
        for line in rest:
            yield stem + below + paint(line, tone, screen)
        yield from _tree(node.children, screen, stem + below)


def _diff_line(line: str, screen: Screen) -> str:
    tones: dict[str, Tone] = {"+": "good", "-": "error", "@": "muted"}
    if line.startswith(("+++", "---")):
        return paint(line, "strong", screen)
    return paint(line, tones.get(line[:1], "plain"), screen)


def _bars(bars: tuple[Bar, ...], screen: Screen) -> list[str]:
    widest = max((columns(one_line(bar.label)) for bar in bars), default=0)
    texts = [one_line(bar.text) or f"{bar.value:g} of {bar.total:g}" for bar in bars]
    room = (screen.width or 80) - widest - max(map(columns, texts), default=0) - 4
    length = max(5, min(30, room))
    lines = []
    for bar, text in zip(bars, texts, strict=True):
        drawn = paint(_bar(bar, length, screen), bar.tone, screen)
        lines.append(f"{padded(one_line(bar.label), widest)}  {drawn}  {text}")
    return lines


def _bar(bar: Bar, length: int, screen: Screen) -> str:
    share = min(1.0, max(0.0, bar.value / bar.total)) if bar.total else 0.0
    full = round(share * length) or int(share > 0)
    mark, rest = ("█", "░") if screen.drawing else ("#", ".")
    return mark * full + rest * (length - full)


def _finding(number: int, alike: tuple[Finding, ...], screen: Screen) -> list[str]:
    """Everything about one finding in one block; rows of a table may refer to its number."""
    finding = alike[0]
    word, mark = finding.severity.word, f"[{number}] "
    indent = " " * len(mark)
    lines = wrapped(
        f"{mark}{word} ({finding.certainty}): {one_line(finding.title)}", screen.width, indent
    )
    lines[0] = lines[0].replace(word, paint(word, _TONES[finding.severity], screen), 1)
    place = f" at {finding.location}" if finding.location else ""
    for text in (finding.rule + place, *finding.evidence):
        lines += wrapped(indent + one_line(text), screen.width)
    if finding.fix:
        lines += wrapped(f"{indent}fix: {one_line(finding.fix.label)}".rstrip(), screen.width)
        lines += _code(finding.fix.code, finding.fix.language, f"{indent}    ", screen)
    if len(alike) > 1:
        lines += wrapped(f"{indent}{one_line(counted_alike(alike))}; {ALL}", screen.width)
    return lines


def _unknown(unknown: Unknown, screen: Screen) -> list[str]:
    word = "unknown"
    lines = wrapped(f"{word}: {one_line(unknown.reason)}", screen.width, "    ")
    lines[0] = paint(word, "note", screen) + lines[0][len(word) :]
    place = f" at {unknown.location}" if unknown.location else ""
    for text in (unknown.rule + place, f"to decide: {unknown.decide}"):
        lines += wrapped(f"    {one_line(text)}", screen.width)
    return lines


def _code(code: str, language: str, indent: str, screen: Screen) -> list[str]:
    """Code as it stands, never broken, so that it can be pasted."""
    text = clean(code).strip("\n")
    lines: Iterable[str] = text.split("\n")
    if screen.color:
        from dbtool.render.highlight import highlighted

        lines = highlighted(text, language)
    return [f"{indent}{line}".rstrip() for line in lines]


def _next(commands: tuple[str, ...], width: int | None) -> list[str]:
    if len(commands) == 1:
        return _command(f"next: {clean(commands[0])}", width)
    lines = (_command(f"  {clean(command)}", width) for command in commands)
    return ["next:", *(line for each in lines for line in each)]


def _command(text: str, width: int | None) -> list[str]:
    """A command that is wider than the screen, continued as a shell takes it when it is pasted."""
    if width is None or columns(text) <= width or not _COMMAND.match(text):
        return [text]
    lines: list[str] = []
    for word in _WORD.findall(text):
        grown = f"{lines[-1]}{word}" if lines else word
        if lines and columns(grown) > width - 2 and not word.lstrip().startswith("#"):
            lines[-1] += " \\"
            lines.append(f"      {word.lstrip()}")
        else:
            lines[-1:] = [grown]
    return lines
