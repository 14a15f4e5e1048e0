"""Reports as pages that need nothing but themselves."""

import re
from html.parser import HTMLParser

from dbtool.finding import Certainty, Finding, Severity
from dbtool.render.html import render
from dbtool.report import Column, Diff, Report, Styled, Table, Text
from tests.render.reports import EVERYTHING

_VOID = {"meta", "br"}


class _Balanced(HTMLParser):
    """Fails where an element is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag not in _VOID:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def read(page: str) -> str:
    """What a well-formed page says."""
    parser = _Balanced()
    parser.feed(page)
    parser.close()
    assert not parser.inside
    return "".join(parser.said)


def test_everything_is_said() -> None:
    """All kinds of sections, findings, notes and the count are on the page."""
    said = read(render(EVERYTHING))
    assert EVERYTHING.headline in said
    for finding in EVERYTHING.findings:
        assert finding.title in said
        assert finding.fix is None or finding.fix.code.strip("\n") in said
    for note in EVERYTHING.notes:
        assert note in said


def test_nothing_is_loaded() -> None:
    """No script, no address, and a policy that forbids both."""
    page = render(EVERYTHING)
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|<img|src=|url\(|@import|https?:", page)


def test_data_stays_data() -> None:
    """What a database holds is never markup."""
    evil = "<script>alert('x')</script>&amp;\x1b[31m"
    finding = Finding(
        rule="a", severity=Severity.NOTE, title=evil, certainty=Certainty.MEASURED, evidence=(evil,)
    )
    table = Table((Column(evil), Column("")), ((evil, Styled(evil, "error")),), evil)
    report = Report(
        command="x", data=None, headline=evil, sections=(table, Text(evil)), findings=(finding,)
    )
    page = render(report)
    assert "<script" not in page
    assert "\x1b" not in page
    assert read(page).count("<script>alert('x')</script>&amp;\\x1b[31m") == 8


def test_marks_lead_to_findings_and_bars_are_drawn() -> None:
    """A plan's numbers are links, its bars boxes of the same length."""
    table = Table((Column("#"), Column(""), Column("")), (("1", "██▌", "[1,2]"),))
    page = render(Report(command="explain", data=None, sections=(table,)))
    assert 'style="width: 50%"' in page
    assert '[<a href="#finding-1">1</a>,<a href="#finding-2">2</a>]' in page


def test_a_diff_is_coloured_by_its_signs() -> None:
    """What came, what went, and where; the text is escaped as everywhere."""
    text = "--- kept\n+++ now\n@@ -1 +1 @@\n-Seq Scan\n+Index Scan <x>\n same"
    page = render(Report(command="explain", data=None, sections=(Diff(text),)))
    assert '<span class="error">-Seq Scan</span>' in page
    assert '<span class="good">+Index Scan &lt;x&gt;</span>' in page
    assert '<span class="muted">+++ now</span>\n<span class="muted">@@ -1 +1 @@</span>' in page
    assert "\n same</code>" in page


def test_what_a_server_printed_is_folded_away() -> None:
    """It is there for whoever wants to read it or give it to another tool."""
    page = render(Report(command="explain", data=None, raw='[{"Plan": "<b>"}]'))
    folded = "<details><summary>as the server printed it</summary><pre><code>"
    assert f"{folded}[{{&quot;Plan&quot;: &quot;&lt;b&gt;&quot;}}]" in page


def test_names_give_way_to_figures_on_a_phone() -> None:
    """A name breaks, a bar is left out, figures stay, what leads to findings is at the edge."""
    columns = (Column("node", shrink=True), Column("ms", "right"), Column(""), Column(""))
    table = Table(columns, (("Seq Scan", "7", "█", "[1]"),))
    page = render(Report(command="explain", data=None, sections=(table,)))
    assert '<th class="name">node</th><th class="right">ms</th><th class="drawn"></th>' in page
    assert '<td class="name">Seq Scan</td><td class="right">7</td><td class="drawn">' in page
    phone = page.partition("max-width: 40rem")[2].partition("</style>")[0]
    assert ".name { white-space: pre-wrap;" in phone
    assert ".drawn { display: none; }" in phone
    assert '<td class="mark">[<a href="#finding-1">1</a>]</td>' in page
    assert ".mark { position: sticky; right: 0; background: Canvas; }" in phone
