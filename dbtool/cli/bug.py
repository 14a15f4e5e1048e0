"""What a bug report needs: versions, command line and traceback, with the secrets taken out."""

import os
import platform
import re
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote

_PARTS = ("dbtool-pg", "sqlalchemy", "alembic", "asyncpg", "typer", "pydantic-settings", "postgast")
_IN_URL = re.compile(r"""(://[^\s:/@'"]*):([^\s'"]*)@""")
_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|api_?key")
_NAMED = re.compile(
    r"""(?i)\b(\w*(?:password|passwd|secret|token|api_?key))(["']?\s*[=:]\s*)"""
    r"""('[^']*'|"[^"]*"|[^\s&'",)]+)"""
)


def report(error: BaseException, argv: Sequence[str]) -> str:
    """The text to paste, complete and without a password."""
    parts = ", ".join(f"{part} {_version(part)}" for part in _PARTS)
    text = (
        f"  {parts}\n"
        f"  Python {platform.python_version()}, {platform.platform()}\n"
        f"  command: dbtool {' '.join(argv)}\n"
        f"{''.join(traceback.format_exception(error))}"
    )
    return masked(text, argv, os.environ)


def trace(error: BaseException, argv: Sequence[str]) -> str:
    """The whole traceback, without a password."""
    if error.__cause__ is error:  # passed on as its own cause, it hides what it came from
        error.__cause__ = error.__context__
    return masked("".join(traceback.format_exception(error)), argv, os.environ)


def masked(text: str, argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The text without any password in it, or that the command line or environment gives away."""
    for secret in sorted(_secrets(argv, environ), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    text = _IN_URL.sub(r"\1:***@", text)
    return _NAMED.sub(r"\1\2***", text)


def _secrets(argv: Sequence[str], environ: Mapping[str, str]) -> set[str]:
    found = {value for name, value in environ.items() if _SECRET_NAME.search(name)}
    for source in (*argv, *environ.values()):
        for url in _IN_URL.finditer(source):
            found |= {url[2], unquote(url[2])}
        found |= {named[3].strip("'\"") for named in _NAMED.finditer(source)}
    return {secret for secret in found if len(secret) > 2}


def _version(part: str) -> str:
    try:
        return version(part)
    except PackageNotFoundError:
        return "(not installed)"
