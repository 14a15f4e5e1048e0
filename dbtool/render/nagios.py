"""A report as a monitoring plugin prints it: one line that counts, details, performance data."""

from collections.abc import Iterator

from dbtool.errors import ConnectError, DbtoolError, LockNotObtained, OperationError
from dbtool.finding import Finding
from dbtool.render.words import clean, one_line
from dbtool.report import Metric, Report
from dbtool.severity import Severity

_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_OF_SEVERITY = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}


def exit_of(report: Report, *, unknown: bool = False) -> int:
    """0 ok, 1 warning, 2 critical; 3 where nothing is wrong and `unknown` counts."""
    if report.error is not None:
        return exit_of_failure(report.error)
    worst = max((_OF_SEVERITY[each.severity] for each in report.findings), default=0)
    return 3 if unknown and worst == 0 else worst


def exit_of_failure(error: DbtoolError) -> int:
    """A server that does not answer is critical; a mistake of the check's own is unknown."""
    return 2 if isinstance(error, ConnectError | OperationError | LockNotObtained) else 3


def render(report: Report) -> str:
    """The line a pager shows, the findings below it, and the metrics behind a bar."""
    state = _STATES[exit_of(report)]
    line = f"DBTOOL {report.command.upper()} {state} - {_plain(report.headline)}"
    numbers = " ".join(map(_number, report.metrics))
    rest = [_finding(each) for each in report.findings]
    if report.error is not None:
        rest.append(f"error: {_failed(report.error)}")
    rest += [f"unknown: {_plain(each.reason)} ({each.rule})" for each in report.unknowns]
    return "\n".join([f"{line} | {numbers}" if numbers else line, *rest]) + "\n"


def failure(command: str, error: DbtoolError) -> str:
    """The same for a command that failed."""
    state = _STATES[exit_of_failure(error)]
    return f"DBTOOL {command.upper()} {state} - {_failed(error)}\n"


def _failed(error: DbtoolError) -> str:
    return _plain(": ".join(filter(None, (error.message, error.detail))))


def _finding(finding: Finding) -> str:
    return f"{finding.severity.word}: {_plain(finding.title)} ({finding.rule})"


def _plain(text: str) -> str:
    """A bar would begin the performance data."""
    return one_line(clean(text)).replace("|", "/")


def _number(metric: Metric) -> str:
    label = "_".join([metric.name, *(_word(value) for _, value in metric.labels)])
    unit = "s" if metric.name.endswith("_seconds") else ""
    unit = "B" if metric.name.endswith("_bytes") else unit
    most = f";;;0;{metric.most:g}" if metric.most is not None else ""
    return f"'{label}'={metric.value:.10g}{unit}{most}"


def _word(text: str) -> str:
    return "".join(_characters(text))


def _characters(text: str) -> Iterator[str]:
    for each in text:
        yield each if each.isalnum() or each in "_-." else "_"
