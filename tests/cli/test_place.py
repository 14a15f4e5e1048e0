"""Commands that a report names, so that they lead to the same database."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from dbtool.cli.command import Call
from dbtool.cli.place import led, place, told
from dbtool.cli.shared import Options
from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.finding import Certainty, Finding, Fix, Severity
from dbtool.report import Report, Text

NEED = "commands need the same --url"
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
    """A pid of one server is somebody else's on another; a young tree has its note too."""
    target = Target("h", 5432, "app", "shop")
    call = SimpleNamespace(options=Options(env="live"), target=target)
    report = led(cast(Call, call), REPORT)
    assert report.next == ("dbtool locks --env live", "dbtool rules r")
    assert report.findings[0].fix == Fix("shell", "dbtool kill 4711 --env live\nVACUUM t;")
    call.options = Options(env="live")
    tree = replace(REPORT, command="locks", notes=("a snapshot",), sections=(Text("t"),))
    assert led(cast(Call, call), tree).notes == ("a snapshot; commands need --env live",)
    young = replace(tree, findings=(), next=())
    assert led(cast(Call, call), young).notes == ("a snapshot; commands need --env live",)
    calm = replace(REPORT, findings=(), next=("dbtool rules r",))
    assert led(cast(Call, call), calm) is calm
    call.options = Options()
    assert led(cast(Call, call), REPORT) is REPORT


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:secret@h/shop",
        "postgresql://app:secret@h/shop?password=",
        "postgresql://h/shop?user=app&password=secret",
        "host=h user=app password=secret dbname=shop",
        "postgresql://app@h/shop?sslpassword=secret",
    ],
)
def test_a_password_is_not_repeated(url: str) -> None:
    """Wherever it stands in the URL, and also where another one counts."""
    call = cast(Call, SimpleNamespace(options=Options(url=url), target=parse(url, "--url")))
    noted = replace(REPORT, notes=("skipped: progress",))
    assert led(call, noted) == replace(noted, notes=(*noted.notes, NEED))
    assert told(call, "dbtool locks shows it.") == f"dbtool locks shows it.\n{NEED.capitalize()}."


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("dbtool kill 7 --terminate ends it.", "dbtool kill 7 --terminate --env live ends it."),
        ("Look again: dbtool kill 7 --dry-run", "Look again: dbtool kill 7 --dry-run --env live"),
        ("dbtool locks shows who", "dbtool locks --env live shows who"),
        ("If you mean it: --force", "If you mean it: --force"),
    ],
)
def test_hints_lead_there_too(hint: str, expected: str) -> None:
    """A pid that a refusal names is one of the same server."""
    call = SimpleNamespace(options=Options(env="live"), target=Target("h", 5432, "app", "shop"))
    assert told(cast(Call, call), hint) == expected
