"""How applications are put into words."""

import re

_INSTANCE = re.compile(r"@[^@]*:\d+$")


def service(application: str) -> str:
    """What an application_name has in common over all processes: "api" of "api@web1:4242"."""
    return _INSTANCE.sub("", application) or "(no application name)"
