"""How counts, durations and applications are put into words."""

import re

_INSTANCE = re.compile(r"@[^@]*:\d+$")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def counted(number: int, noun: str) -> str:
    """A number and its noun, as in "1 session" and "1,200 sessions"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def service(application: str) -> str:
    """What an application_name has in common over all processes: "api" of "api@web1:4242"."""
    return _INSTANCE.sub("", application) or "(no application name)"


def listed(names: list[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    shown, more = names[:most], len(names) - most
    return ", ".join(shown) + (f", +{more:,} more" if more > 0 else "")
