"""A report as one page of HTML that needs nothing else: no script, no network, light and dark."""

import html
import re

from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Unknown, together
from dbtool.render.alike import counted_alike
from dbtool.render.counts import count_line
from dbtool.render.screen import PAPER, words_of
from dbtool.render.terminal import section_lines
from dbtool.render.words import clean
from dbtool.report import Bars, Cell, Code, Diff, Report, Section, Styled, Table, Text, Tree

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MARK = re.compile(r"\[(\d+(?:,\d+)*)\]")
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bar: #4a90d9;
  --error: #c0392b; --warning: #b9770e; --note: #2471a3; --good: #1e8449; }
@media (prefers-color-scheme: dark) { :root { --error: #ff7b6b; --warning: #f0b95a;
  --note: #6cb8f0; --good: #6fd08c; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem;
  padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.scroll { overflow-x: auto; margin: 1rem 0; } details { margin: 1rem 0; }
table { border-collapse: collapse; font: 13px/1.5 ui-monospace, monospace; }
th { text-align: left; font-weight: 600; } th, td { padding: .1rem .6rem; white-space: pre; }
tbody tr:nth-child(odd) { background: var(--soft); } .right { text-align: right; }
pre { background: var(--soft); padding: .6rem .8rem; overflow-x: auto; }
.wrap { white-space: pre-wrap; overflow-wrap: anywhere; }
.facts td:last-child { white-space: normal; } .finding p, .finding li { overflow-wrap: anywhere; }
.bar { display: block; height: .6rem; background: var(--bar); }
.room { display: block; width: 6rem; }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); }
.good { color: var(--good); } .muted { opacity: .65; } .strong { font-weight: 600; }
.finding { border-left: 3px solid currentColor; padding-left: .8rem; margin: 1.2rem 0; }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .6rem; }
  table { font-size: 12px; } th, td { padding: .1rem .3rem; vertical-align: top; }
  .name { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 8rem; max-width: 9.5rem; }
  .drawn { display: none; } .mark { position: sticky; right: 0; background: Canvas; } }
.finding > * { color: CanvasText; } .finding h3 { font-size: 1rem; margin: 0; color: inherit; }
"""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LONGEST_BAR = 5


def render(report: Report) -> str:
    """The whole page."""
    title = f"dbtool {report.command}"
    parts = [f"<h1>{_text(report.headline or title)}</h1>"]
    parts += [_section(section) for section in report.sections]
    parts += [_finding(number, each) for number, each in enumerate(together(report.findings), 1)]
    parts += [_unknown(unknown) for unknown in report.unknowns]
    parts += [] if report.error is None else [_failure(report.error)]
    parts += [_section(section) for section in report.below]
    parts += [f"<p class=muted>{_text(note)}</p>" for note in report.notes]
    if report.raw:
        summary = "<summary>as the server printed it</summary>"
        parts.append(f"<details>{summary}{_code(report.raw)}</details>")
    if report.next:
        parts.append(f"<h2>next</h2>{_commands(chr(10).join(report.next))}")
    if line := count_line(report):
        parts.append(f"<p class=strong>{_text(line)}</p>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _text(text: str) -> str:
    return html.escape(clean(text))


def _code(code: str) -> str:
    return f"<pre><code>{_text(code.strip(chr(10)))}</code></pre>"


def _commands(code: str) -> str:
    """What is pasted rather than read: a long line is broken where the screen ends."""
    return _code(code).replace("<pre>", '<pre class="wrap">', 1)


_SIGNS = {"+": "good", "-": "error", "@": "muted"}


def _diff(text: str) -> str:
    lines = [_diff_line(line) for line in clean(text).splitlines()]
    return f"<pre><code>{chr(10).join(lines)}</code></pre>"


def _diff_line(line: str) -> str:
    """Coloured by its sign; the two lines that name the sides are not."""
    tone = "muted" if line.startswith(("--- ", "+++ ")) else _SIGNS.get(line[:1])
    return f'<span class="{tone}">{_text(line)}</span>' if tone else _text(line)


def _section(section: Section) -> str:
    title = f"<h2>{_text(section.title)}</h2>" if section.title else ""
    match section:
        case Table():
            return title + _table(section)
        case Code():
            return title + _code(section.code)
        case Diff():
            return title + _diff(section.text)
        case Text():
            lines = "<br>".join(map(_text, section.text.strip("\n").split("\n")))
            return f"{title}<p>{lines}</p>"
        case Tree() | Bars():
            lines_of_it = section_lines(section, PAPER)
            return title + _code("\n".join(lines_of_it[1:] if section.title else lines_of_it))


def _table(table: Table) -> str:
    sides = [_class(table, place) for place in range(len(table.columns))]
    head = ""
    if any(column.title for column in table.columns):
        names = zip(sides, table.columns, strict=True)
        titles = "".join(f"<th{side}>{_text(column.title)}</th>" for side, column in names)
        head = f"<thead><tr>{titles}</tr></thead>"
    rows = "\n".join(
        "<tr>" + "".join(f"<td{side}>{_cell(cell)}</td>" for side, cell in pairs) + "</tr>"
        for pairs in (zip(sides, row, strict=True) for row in table.rows)
    )
    kind = "" if head else ' class="facts"'
    return f'<div class="scroll"><table{kind}>{head}<tbody>\n{rows}\n</tbody></table></div>'


def _class(table: Table, place: int) -> str:
    """How a column stands, and gives way on a phone.

    Names break, what is drawn is left out, and what leads to findings stays in sight.
    """
    column = table.columns[place]
    untitled = [] if column.title else [words_of(row[place]) for row in table.rows]
    said = {
        "right": column.align == "right",
        "name": column.shrink,
        "drawn": any(map(_drawn, untitled)),
        "mark": any(map(_MARK.search, untitled)) and place == len(table.columns) - 1,
    }
    names = " ".join(name for name, holds in said.items() if holds)
    return f' class="{names}"' if names else ""


def _drawn(words: str) -> bool:
    return bool(words) and not words.strip(_EIGHTHS)


def _cell(cell: Cell) -> str:
    words = words_of(cell)
    if _drawn(words):
        return _bar(words)
    shown = _MARK.sub(_links, _text(words))
    return f'<span class="{cell.tone}">{shown}</span>' if isinstance(cell, Styled) else shown


def _bar(words: str) -> str:
    """A bar that was drawn in eighths of a character, as a box."""
    eighths = sum(_EIGHTHS.index(each) for each in words)
    width = 100 * eighths / (8 * max(_LONGEST_BAR, len(words)))
    return f'<span class="room"><span class="bar" style="width: {width:.0f}%"></span></span>'


def _links(found: "re.Match[str]") -> str:
    links = (f'<a href="#finding-{each}">{each}</a>' for each in found[1].split(","))
    return f"[{','.join(links)}]"


def _finding(number: int, alike: tuple[Finding, ...]) -> str:
    finding, *others = alike
    word = finding.severity.word
    parts = [
        f'<section class="finding {word}" id="finding-{number}">',
        f"<h3>[{number}] {word} ({finding.certainty}): {_text(finding.title)}</h3>",
        f"<p class=muted>{_text(finding.rule)}"
        + (f" at {_text(str(finding.location))}" if finding.location else "")
        + "</p>",
    ]
    if finding.evidence:
        listed = "".join(f"<li>{_text(line)}</li>" for line in finding.evidence)
        parts.append(f"<ul>{listed}</ul>")
    if finding.fix:
        parts.append(f"<p>fix: {_text(finding.fix.label)}</p>{_commands(finding.fix.code)}")
    if others:
        parts.append(_others(alike))
    return "\n".join([*parts, "</section>"])


def _others(alike: tuple[Finding, ...]) -> str:
    """Findings that are alike, one line each, with its fix."""
    told = "\n".join(map(_in_short, alike[1:]))
    summary = f"<summary>{_text(counted_alike(alike))}</summary>"
    return f"<details>{summary}<ul>{told}</ul></details>"


def _in_short(finding: Finding) -> str:
    fix = _commands(finding.fix.code) if finding.fix else ""
    return f"<li>{_text(finding.title)} ({_text(str(finding.location))}){fix}</li>"


def _failure(error: DbtoolError) -> str:
    labelled = (("detail", error.detail), ("hint", error.hint))
    below = "".join(f"<br>{label}: {_text(text)}" for label, text in labelled if text)
    return f"<p><b>error</b>: {_text(error.message)}{below}</p>"


def _unknown(unknown: Unknown) -> str:
    return (
        f"<p><b>unknown</b>: {_text(unknown.reason)} ({_text(unknown.rule)})."
        f" To decide: {_text(unknown.decide)}</p>"
    )
