"""A report as Prometheus reads it from a textfile or a scrape: numbers, and what was found."""

from collections.abc import Iterable, Iterator

from dbtool.report import Metric, Report
from dbtool.severity import Severity

_PREFIX = "dbtool_"


def render(report: Report) -> str:
    """The metrics, one sample for each rule that found something, and a count by severity."""
    command = ("command", report.command)
    samples = [
        Metric("up", int(report.error is None), "Whether the server answered.", (command,)),
        *report.metrics,
        *_counts(report, command),
        *_rules(report, command),
        Metric("unknown", len(report.unknowns), "Checks that could not decide.", (command,)),
    ]
    return "".join(f"{line}\n" for line in _lines(samples))


def failure(command: str) -> str:
    """The one sample of a command that failed."""
    samples = [Metric("up", 0, "Whether the server answered.", (("command", command),))]
    return "".join(f"{line}\n" for line in _lines(samples))


def _counts(report: Report, command: tuple[str, str]) -> Iterator[Metric]:
    for severity in reversed(Severity):
        number = sum(each.severity is severity for each in report.findings)
        labels = (command, ("severity", severity.word))
        yield Metric("findings", number, "Findings by severity.", labels)


def _rules(report: Report, command: tuple[str, str]) -> Iterator[Metric]:
    found: dict[tuple[str, str], int] = {}
    for each in report.findings:
        key = (each.rule, each.severity.word)
        found[key] = found.get(key, 0) + 1
    for (rule, severity), number in found.items():
        labels = (command, ("rule", rule), ("severity", severity))
        yield Metric("finding", number, "Findings by rule.", labels)


def _lines(samples: Iterable[Metric]) -> Iterator[str]:
    """Samples of one name stand together, below what they mean."""
    by_name: dict[str, list[Metric]] = {}
    for each in samples:
        by_name.setdefault(each.name, []).append(each)
    for name, metrics in by_name.items():
        yield f"# HELP {_PREFIX}{name} {metrics[0].help}"
        yield f"# TYPE {_PREFIX}{name} gauge"
        for each in metrics:
            labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in each.labels)
            braces = f"{{{labels}}}" if labels else ""
            yield f"{_PREFIX}{name}{braces} {each.value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
