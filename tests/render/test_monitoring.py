"""Nagios and Prometheus: what monitoring reads, compared whole."""

from dataclasses import replace

import pytest

from dbtool.errors import ConnectError, DbtoolError, OperationError, UsageError
from dbtool.finding import Certainty, Finding, Unknown
from dbtool.render import nagios, prometheus
from dbtool.report import Metric, Report
from dbtool.severity import Severity
from tests.render.reports import Data

FOUND = Finding(
    rule="few-free-slots",
    severity=Severity.WARNING,
    title="only 3 | of 17 left",
    certainty=Certainty.MEASURED,
)
REPORT = Report(
    command="now",
    data=Data(1),
    headline="look at this: only 3 | of 17 left",
    findings=(FOUND,),
    unknowns=(Unknown(rule="now.ids", reason="no time", decide="try again"),),
    metrics=(
        Metric("connections", 14, "Client connections.", most=17),
        Metric("lock_wait_longest_seconds", 1.5, "The longest of these waits."),
        Metric("slot_retained_bytes", 10, "WAL kept for a slot.", (("slot", 'a "b"\\'),)),
    ),
)


def test_a_service_line_with_details_and_numbers() -> None:
    """The bar begins the numbers, so that none stands before them; details follow."""
    assert (
        nagios.render(REPORT)
        == """\
DBTOOL NOW WARNING - look at this: only 3 / of 17 left \
| 'connections'=14;;;0;17 'lock_wait_longest_seconds'=1.5s 'slot_retained_bytes_a__b__'=10B
warning: only 3 / of 17 left (few-free-slots)
unknown: no time (now.ids)
"""
    )


@pytest.mark.parametrize(
    ("severity", "code"),
    [(None, 0), (Severity.NOTE, 0), (Severity.WARNING, 1), (Severity.ERROR, 2)],
)
def test_exit_codes(severity: Severity | None, code: int) -> None:
    """As monitoring plugins have them; unknown counts only where nothing is wrong."""
    findings = (replace(FOUND, severity=severity),) if severity else ()
    report = replace(REPORT, findings=findings)
    assert nagios.exit_of(report) == code
    assert nagios.exit_of(report, unknown=True) == (code or 3)


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [
        (ConnectError("no slot is free", detail="17 are taken"), 2, "CRITICAL"),
        (OperationError("no answer"), 2, "CRITICAL"),
        (UsageError("no database is named"), 3, "UNKNOWN"),
    ],
)
def test_failures(error: DbtoolError, code: int, state: str) -> None:
    """A server that does not answer is what the alarm is for; a wrong option is not."""
    assert nagios.exit_of_failure(error) == code
    line = nagios.failure("now", error)
    assert line.startswith(f"DBTOOL NOW {state} - {error.message}")
    assert line.count("\n") == 1


def test_prometheus_text() -> None:
    """Each name once with its help, labels escaped, findings by rule and by severity."""
    assert (
        prometheus.render(REPORT)
        == """\
# HELP dbtool_up Whether the server answered.
# TYPE dbtool_up gauge
dbtool_up{command="now"} 1
# HELP dbtool_connections Client connections.
# TYPE dbtool_connections gauge
dbtool_connections 14
# HELP dbtool_lock_wait_longest_seconds The longest of these waits.
# TYPE dbtool_lock_wait_longest_seconds gauge
dbtool_lock_wait_longest_seconds 1.5
# HELP dbtool_slot_retained_bytes WAL kept for a slot.
# TYPE dbtool_slot_retained_bytes gauge
dbtool_slot_retained_bytes{slot="a \\"b\\"\\\\"} 10
# HELP dbtool_findings Findings by severity.
# TYPE dbtool_findings gauge
dbtool_findings{command="now",severity="error"} 0
dbtool_findings{command="now",severity="warning"} 1
dbtool_findings{command="now",severity="note"} 0
# HELP dbtool_finding Findings by rule.
# TYPE dbtool_finding gauge
dbtool_finding{command="now",rule="few-free-slots",severity="warning"} 1
# HELP dbtool_unknown Checks that could not decide.
# TYPE dbtool_unknown gauge
dbtool_unknown{command="now"} 1
"""
    )
    assert prometheus.failure("now").endswith('dbtool_up{command="now"} 0\n')
