"""Index advice as it is printed."""

from dataclasses import replace

from dbtool.explain.advice.cost import Size, Writes
from dbtool.explain.advice.existing import Unused
from dbtool.explain.advice.result import Advice, Gain, Proof, Proposal, Rejected
from dbtool.explain.advice.view import headline, notes, sections, without_indexes
from dbtool.finding import Certainty, Finding, Fix, Severity
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.report import Report

_PROPOSAL = Proposal(
    name="ix_orders_k",
    table="orders",
    shown="orders (k)",
    sql=("CREATE INDEX CONCURRENTLY ix_orders_k ON public.orders (k);",),
    model='Index("ix_orders_k", "k")',
    upgrade=(),
    downgrade=(),
    proof=Proof.PLANNED,
    gains=(Gain("SELECT 1", 2000.0, 100.0, 3.0), Gain("SELECT 2", 1000.0, 50.0, 1.0, 8.0, 0.5)),
    size=Size(60_000, 450_000),
    writes=Writes(0.09, 10, 5000, 0, 0.8, ("k",)),
    replaces=("ix_orders_old",),
)
_ADVICE = Advice(
    (_PROPOSAL,), (Unused("orders", "ix_orders_a", "it is invalid"),), (), "by the planner"
)


def shown(advice: Advice, width: int = 80) -> str:
    """The advice as a terminal shows it."""
    report = Report(
        command="explain", data=None, below=tuple(sections(advice)), notes=notes(advice)
    )
    return render(report, Screen(width, color=False, drawing=True))


def test_a_proposal_says_what_it_brings_and_costs() -> None:
    """Cost, time, who vouches, size, writes, what it replaces, what it serves."""
    assert shown(_ADVICE) == (
        "index 1: orders (k)\n"
        "    CREATE INDEX CONCURRENTLY ix_orders_k ON public.orders (k);\n"
        "\n"
        "cost       7,000 → 350, 95 % less\n"
        "time       8.00 ms → 0.500 ms\n"
        "validated  by the planner\n"
        "size       about 439kB for 60,000 rows\n"
        "writes     writing a row writes 9 % more; 80 % of 5,000 updates touch no index\n"
        "           today; those that change k then will\n"
        "replaces   ix_orders_old: drop it CONCURRENTLY once the new one is there\n"
        'model      Index("ix_orders_k", "k")\n'
        "\n"
        "serves    calls   cost  with it\n"
        "SELECT 1      3  2,000      100\n"
        "SELECT 2      1  1,000       50\n"
        "\n"
        "indexes that exist\n"
        "index                  not used because\n"
        "ix_orders_a on orders  it is invalid\n"
    )


def test_an_index_of_a_partitioned_table_is_not_dropped_beside_traffic() -> None:
    """PostgreSQL refuses to drop it CONCURRENTLY."""
    parted = replace(_PROPOSAL, sql=("CREATE INDEX ix_orders_k ON ONLY public.orders (k);",))
    found = shown(Advice((parted,)), 100)
    told = " ".join(found.split())
    assert "ix_orders_old: partitioned, no CONCURRENTLY: DROP INDEX takes ACCESS EXCLUSIVE" in told
    assert "with a lock_timeout, drop it once the new one is there" in told


def test_what_nobody_vouches_for_says_so() -> None:
    """And what would validate it."""
    guessed = replace(_PROPOSAL, proof=Proof.NONE, gains=(), replaces=())
    found = shown(Advice((guessed,), validate="no server programs. Install them"))
    assert "validated  no: nobody's planner was asked\n" in found
    assert "info: not validated: no server programs. Install them" in found
    assert headline(Advice((guessed,))) == "ix_orders_k may help"


def test_what_a_statement_sets_off_is_named() -> None:
    """An index on a table that the statement does not even read needs a word."""
    gain = Gain("rows of orders that refer to a deleted one (k)", 2000.0, 9.0, caused=True)
    found = shown(Advice((replace(_PROPOSAL, gains=(gain,)),), planner="by it"))
    assert "serves     rows of orders that refer to a deleted one (k)\n" in found


def test_no_proposal_is_an_answer_too() -> None:
    """Why nothing was tried, or what was and why it is not proposed."""
    assert "no index to propose: nothing is dear" in shown(Advice(nothing="nothing is dear"))
    tried = Advice(rejected=(Rejected("t (k)", "the planner does not use it"),), planner="by it")
    assert "no index would pay, by it" in shown(tried)
    assert "t (k)  the planner does not use it" in shown(tried)


def test_findings_leave_the_index_to_the_advice() -> None:
    """Two proposals for one scan would contradict each other."""
    finding = Finding(
        rule="rows-discarded",
        severity=Severity.WARNING,
        title="it reads",
        certainty=Certainty.MEASURED,
        evidence=("it took long", "in the model: Index()"),
        fix=Fix("sql", "CREATE INDEX CONCURRENTLY i ON t (k);"),
    )
    other = replace(finding, fix=Fix("sql", "ANALYZE t;"))
    changed, kept = without_indexes((finding, other))
    assert changed.fix is None
    assert changed.evidence == (
        "it took long",
        "the index advice below says which index would help",
    )
    assert kept == other
