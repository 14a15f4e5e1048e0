"""Reports for people."""

import shlex
from dataclasses import replace

import pytest

from dbtool.render.screen import PAPER, Screen
from dbtool.render.terminal import render
from dbtool.report import Bar, Bars, Code, Node, Report, Section, Text, Tree
from tests.render.reports import BARE, DOUBT, EVERYTHING, FULL

ON_PAPER = """\
12 of 97 slots are free

How
Asked once.
Read-only.

Backends
application  state                backends
web          active                     12
worker       idle in transaction     1,024

History
head
  a
    b
  c

Statement
    SELECT 1
    FROM a;

Difference
--- a
+++ b
@@ -1 +1 @@
-x
+y
 z

Slots
active  ####..........................  12 of 97
idle    ##############################  all of it

[1] warning (measured): 99 % of the rows read from orders are thrown away
    rows-discarded at app/queries.py:31, Seq Scan on orders
    100,000 rows read, 12 kept
    filter: status = 'open'
    fix: an index for the filter
        CREATE INDEX CONCURRENTLY ix_orders_status
            ON orders (status);

[2] error (heuristic): orders is rewritten
    big-table

unknown: no right to read pg_stat_statements
    slow-statements
    to decide: GRANT pg_monitor TO app;

info: Nothing was changed.

next:
  dbtool locks
  dbtool top

1 error, 1 warning, 1 unknown
"""

ON_A_SCREEN = """\
<1>12 of 97 slots are free<0>

<1>How<0>
Asked once.
Read-only.

<1>Backends<0>
<1>application  state                backends<0>
web          <32>active<0>                     12
worker       <1;31>idle in transaction<0>     1,024

<1>History<0>
head
├─ a
│  └─ b
└─ <2>c<0>

<1>Statement<0>
    <1>SELECT<0> 1
    <1>FROM<0> a;

<1>Difference<0>
<1>--- a<0>
<1>+++ b<0>
<2>@@ -1 +1 @@<0>
<1;31>-x<0>
<32>+y<0>
 z

<1>Slots<0>
active  <32>████░░░░░░░░░░░░░░░░░░░░░░░░░░<0>  12 of 97
idle    ██████████████████████████████  all of it

[1] <33>warning<0> (measured): 99 % of the rows read from orders are thrown away
    rows-discarded at app/queries.py:31, Seq Scan on orders
    100,000 rows read, 12 kept
    filter: status = 'open'
    fix: an index for the filter
        <1>CREATE<0> <1>INDEX<0> <1>CONCURRENTLY<0> ix_orders_status
            <1>ON<0> orders (status);

[2] <1;31>error<0> (heuristic): orders is rewritten
    big-table

<36>unknown<0>: no right to read pg_stat_statements
    slow-statements
    to decide: GRANT pg_monitor TO app;

info: Nothing was changed.

next:
  dbtool locks
  dbtool top

1 error, 1 warning, 1 unknown
"""

NARROW = """\
12 of 97 slots are free

How
Asked once.
Read-only.

Backends
application  state          backends
web          active               12
worker       idle in tran…     1,024

History
head
  a
    b
  c

Statement
    SELECT 1
    FROM a;

Difference
--- a
+++ b
@@ -1 +1 @@
-x
+y
 z

Slots
active  ##...............  12 of 97
idle    #################  all of it

[1] warning (measured): 99 % of the
    rows read from orders are thrown
    away
    rows-discarded at
    app/queries.py:31, Seq Scan on
    orders
    100,000 rows read, 12 kept
    filter: status = 'open'
    fix: an index for the filter
        CREATE INDEX CONCURRENTLY ix_orders_status
            ON orders (status);

[2] error (heuristic): orders is
    rewritten
    big-table

unknown: no right to read
    pg_stat_statements
    slow-statements
    to decide: GRANT pg_monitor TO
    app;

info: Nothing was changed.

next:
  dbtool locks
  dbtool top

1 error, 1 warning, 1 unknown
"""


def test_on_paper() -> None:
    """A pipe gets words alone: no colour, no drawn line, no line cut."""
    assert render(EVERYTHING, PAPER) == ON_PAPER


def test_on_a_screen() -> None:
    """A terminal gets the same words with colour and drawn lines."""
    shown = render(EVERYTHING, Screen(80, color=True, drawing=True))
    assert shown == ON_A_SCREEN.replace("<", "\x1b[").replace(">", "m")


def test_on_a_narrow_screen() -> None:
    """At 36 columns the text breaks between words; code stays whole, to be pasted."""
    shown = render(EVERYTHING, Screen(36, color=False, drawing=False))
    assert shown == NARROW
    assert [line.strip() for line in shown.split("\n") if len(line) > 36] == [
        "CREATE INDEX CONCURRENTLY ix_orders_status"
    ]


@pytest.mark.parametrize(
    ("report", "last"),
    [
        (Report(command="x", data=None), ""),
        (Report(command="x", data=None, judged=True), "no findings\n"),
        (Report(command="x", data=None, judged=True, unknowns=(DOUBT,)), "no findings, 1 unknown"),
        (Report(command="x", data=None, findings=(BARE, BARE, FULL)), "2 errors, 1 warning\n"),
        (Report(command="x", data=None, unknowns=(DOUBT, DOUBT)), "2 unknown\n"),
    ],
)
def test_last_line(report: Report, last: str) -> None:
    """The last line counts what was found and what nobody could tell."""
    assert render(report, PAPER).split("\n\n")[-1].strip() == last.strip()


def test_one_next_step() -> None:
    """A single next step takes a single line."""
    assert render(Report(command="x", data=None, next=("dbtool x",)), PAPER) == "next: dbtool x\n"


def test_a_command_wider_than_the_screen_can_be_pasted() -> None:
    """It goes on behind a backslash, never inside quotes; SQL is no command of a shell."""
    command = "dbtool explain --advise --env 'my own' \"SELECT * FROM t WHERE a = 'b'\" -p 1   # -f"
    screen = Screen(40, color=False, drawing=True)
    shown = render(Report(command="x", data=None, next=(command,)), screen)
    assert shown == (
        "next: dbtool explain --advise --env \\\n"
        "      'my own' \\\n"
        "      \"SELECT * FROM t WHERE a = 'b'\" \\\n"
        "      -p 1   # -f\n"
    )
    pasted = shown.removeprefix("next: ").partition("#")[0].replace("\\\n", "")
    assert shlex.split(pasted) == shlex.split(command.partition("#")[0])
    assert render(Report(command="x", data=None, next=(command,)), PAPER) == f"next: {command}\n"
    sql = "ANALYZE public.customers, public.orders;"
    told = render(Report(command="x", data=None, next=(sql,)), screen)
    assert told == f"next: {sql}\n"


def test_data_cannot_steer_the_terminal() -> None:
    """Control characters from the database are spelled out wherever text is shown."""
    evil = "a\x1b]0;owned\x07\x1b[2Jb\x9bc\u202ed"
    sections: tuple[Section, ...] = (
        Text(evil, evil),
        Tree((Node(evil),)),
        Code("sql", evil),
        Bars((Bar(evil, 1, 2, evil),)),
    )
    nasty = replace(FULL, title=evil, evidence=(evil,))
    report = Report(
        command="x",
        data=None,
        headline=evil,
        sections=sections,
        findings=(nasty,),
        unknowns=(replace(DOUBT, reason=evil),),
        notes=(evil,),
        next=(evil,),
    )
    shown = render(report, PAPER)
    assert "\\x1b]0;owned\\x07\\x1b[2Jb\\x9bc\\x202ed" in shown
    assert not any(character in shown for character in "\x1b\x07\x9b\u202e")


def test_bars_at_their_ends() -> None:
    """A share is drawn between nothing and all; a little is never drawn as nothing."""
    bars = Bars((Bar("none", 0, 9), Bar("little", 1, 900), Bar("more", 9, 3), Bar("of none", 0, 0)))
    assert render(Report(command="x", data=None, sections=(bars,)), PAPER) == (
        "none     ..............................  0 of 9\n"
        "little   #.............................  1 of 900\n"
        "more     ##############################  9 of 3\n"
        "of none  ..............................  0 of 0\n"
    )


def test_long_node_on_a_narrow_screen() -> None:
    """A node that does not fit goes on below itself, inside its branch."""
    tree = Tree((Node("root", (Node("one two three four", (Node("leaf"),)), Node("last"))),))
    shown = render(
        Report(command="x", data=None, sections=(tree,)), Screen(16, color=False, drawing=True)
    )
    assert shown == "root\n├─ one two three\n│  four\n│  └─ leaf\n└─ last\n"
