"""Lengths of time as people write them."""

import re

from typer import BadParameter

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str | float) -> float:
    """A length of time in seconds: `500ms`, `2s`, `10min`, `1h`, or a plain number of seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|sec|m|min|h)?", str(text).strip())
    if found is None:
        raise BadParameter(f'"{text}" is no length of time; write 500ms, 30s, 2min or 1h')
    return float(found[1]) * _UNITS[found[2] or "s"]
