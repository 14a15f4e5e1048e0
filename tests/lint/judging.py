"""Short scripts before single rules, on the schema of the rules' pages."""

from collections.abc import Sequence
from importlib import import_module

from dbtool.finding import Finding, Unknown
from dbtool.lint.rules import OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.run import Linted, Rules, lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration
from tests.lint.pages import history, statements


def judge(rule: str, *migrations: Migration, known: bool = True) -> Linted:
    """What one rule says of migrations; without `known` nobody says what was there before."""
    module = import_module(f"dbtool.lint.rules.{rule.replace('-', '_')}")
    asked = Rules(
        statement=tuple(each for each in (*RULES, *OPT_IN) if each is module),
        whole=tuple(each for each in WHOLE_RULES if each is module),
        comment=(),
    )
    before = [history()] if known else []
    return lint([*before, *migrations], schema=Schema(complete=known), rules=asked)


def script(sql: str, *, transaction: bool = False, name: str = "r1.py") -> Migration:
    """SQL as a revision; in a transaction of its own where that is said."""
    text = f"BEGIN;{sql};COMMIT" if transaction else sql
    return Migration(name="r1", file=name, up=(*statements(text, 1),))


def findings(rule: str, sql: str, *, transaction: bool = False, known: bool = True) -> list[str]:
    """The severity and title of each finding."""
    return titles(judge(rule, script(sql, transaction=transaction), known=known).findings)


def titles(found: Sequence[Finding]) -> list[str]:
    """Findings in short."""
    return [f"{each.severity.word}: {each.title}" for each in found]


def unknowns(rule: str, sql: str) -> tuple[Unknown, ...]:
    """What a rule cannot decide where nothing is known."""
    return judge(rule, script(sql), known=False).unknowns
