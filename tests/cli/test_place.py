"""Commands that a report names, so that they lead to the same database."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from dbtool.cli.command import Call
from dbtool.cli.place import led, place
from dbtool.cli.shared import Options
from dbtool.database.target import Target
from dbtool.finding import Certainty, Finding, Fix, Severity
from dbtool.report import Report, Text

CODE = "dbtool kill 4711\nVACUUM t;"
FOUND = Finding(
    rule="r",
    severity=Severity.ERROR,
    title="t",
    certainty=Certainty.MEASURED,
    fix=Fix("shell", CODE),
)
REPORT = Report(
    command="now", data=None, findings=(FOUND,), next=("dbtool locks", "dbtool rules r")
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), ""),
        (Options(env="the live one"), "--env 'the live one'"),
        (Options(url="postgresql://h/shop?a=b&c"), "--url 'postgresql://h/shop?a=b&c'"),
    ],
)
def test_what_named_the_database(options: Options, expected: str) -> None:
    """As it was given, ready for a shell."""
    assert place(options) == expected


def test_commands_lead_where_the_report_comes_from() -> None:
    """A pid of one server is somebody else's on another; a password is not repeated."""
    target = Target("h", 5432, "app", "shop")
    call = SimpleNamespace(options=Options(env="live"), target=target)
    report = led(cast(Call, call), REPORT)
    assert report.next == ("dbtool locks --env live", "dbtool rules r")
    assert report.findings[0].fix == Fix("shell", "dbtool kill 4711 --env live\nVACUUM t;")
    call.options = Options(url="postgresql://app:secret@h/shop")
    call.target = replace(target, password="secret")
    told = replace(REPORT, notes=("commands need the same --url",))
    assert led(cast(Call, call), REPORT) == told
    call.options = Options(env="live")
    tree = replace(REPORT, command="locks", notes=("a snapshot",), sections=(Text("t"),))
    assert led(cast(Call, call), tree).notes == ("a snapshot; commands need --env live",)
    call.options = Options()
    assert led(cast(Call, call), REPORT) is REPORT
