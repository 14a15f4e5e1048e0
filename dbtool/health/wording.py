"""How applications and sizes are put into words."""

import re

_INSTANCE = re.compile(r"@[^@]*:\d+$")
_NAMELESS = "(no application name)"
_SIZES = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def service(application: str) -> str:
    """What an application_name has in common over all processes: "api" of "api@web1:4242"."""
    return _INSTANCE.sub("", application) or _NAMELESS


def bracketed(name: str) -> str:
    """The name of an application in brackets, as it stands behind a pid."""
    return name if name == _NAMELESS else f"({name})"


def size(number: float) -> str:
    """Bytes in their largest fitting unit; nothing where there are none."""
    for least, unit in _SIZES:
        if number >= least:
            many = number / least
            return f"{many:.0f} {unit}" if many >= 10 else f"{many:.1f} {unit}"
    return f"{number:.0f} B" if number >= 1 else ""
