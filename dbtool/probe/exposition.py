"""The measurements as Prometheus text, under the names OpenTelemetry gives them."""

from collections.abc import Iterator, Mapping
from typing import Any

TYPE = "text/plain; version=0.0.4"
_PREFIX = "db_client_connection"
_TIMES = {
    "create": "time it took to open a connection",
    "wait": "time it took to get an open connection from the pool",
    "use": "time between taking a connection and giving it back",
}


def prometheus(snapshot: Mapping[str, Any]) -> str:
    """The text of a page for Prometheus."""
    return "\n".join((*_gauges(snapshot), *_times(snapshot))) + "\n"


def _gauges(snapshot: Mapping[str, Any]) -> Iterator[str]:
    name = _label(snapshot)
    pool = snapshot["pool"]
    yield from _head("count", "gauge", "connections by state")
    for state in ("used", "idle"):
        labels = f'{name},db_client_connection_state="{state}"'
        yield f"{_PREFIX}_count{{{labels}}} {snapshot[state]}"
    if pool["capacity"] is not None:
        yield from _one("max", "gauge", "most connections allowed", name, pool["capacity"])
    if pool["size"] is not None:
        yield from _one("idle_max", "gauge", "most idle connections", name, pool["size"])
    yield from _one("idle_min", "gauge", "least idle connections", name, 0)
    yield from _one("pending_requests", "gauge", "callers waiting", name, snapshot["pending"])
    yield from _one("timeouts_total", "counter", "waits given up", name, snapshot["timeouts"])


def _times(snapshot: Mapping[str, Any]) -> Iterator[str]:
    name = _label(snapshot)
    for kind, meaning in _TIMES.items():
        metric, histogram = f"{_PREFIX}_{kind}_time_seconds", snapshot[kind]
        yield from _head(f"{kind}_time_seconds", "histogram", meaning)
        below = 0
        for bound, number in zip(histogram["bounds"], histogram["counts"], strict=False):
            below += number
            yield f'{metric}_bucket{{{name},le="{bound}"}} {below}'
        yield f'{metric}_bucket{{{name},le="+Inf"}} {histogram["count"]}'
        yield f"{metric}_sum{{{name}}} {histogram['sum']:.6f}"
        yield f"{metric}_count{{{name}}} {histogram['count']}"


def _one(metric: str, kind: str, meaning: str, label: str, value: object) -> Iterator[str]:
    yield from _head(metric, kind, meaning)
    yield f"{_PREFIX}_{metric}{{{label}}} {value}"


def _head(metric: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_{metric} {meaning}"
    yield f"# TYPE {_PREFIX}_{metric} {kind}"


def _label(snapshot: Mapping[str, Any]) -> str:
    name = str(snapshot["pool"]["name"])
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        name = name.replace(plain, escaped)
    return f'db_client_connection_pool_name="{name}"'
