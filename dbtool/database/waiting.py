"""Wait for a server that is starting, and for nothing else."""

import ssl
import time
from collections.abc import Iterator

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError
from dbtool.ports import Progress
from dbtool.report import duration

_FIRST, _LONGEST, _GROWTH = 0.1, 1.0, 1.6
_COMING_UP = frozenset({"57P03", "08003", "08006"})
_POOLER_FAILS = ("server_login_retry", "server login has been failing", "server login failed")


def wait_for_server(target: Target, seconds: float, progress: Progress) -> None:
    """Return once somebody can log in; raises the last ConnectError when the time is over.

    A wrong password, a missing database or a certificate that cannot be trusted does not get
    better by waiting, and is raised at once.
    """
    begun, told = time.monotonic(), ""
    for pause in _pauses():
        try:
            SyncConnection(target, timeout=_limit(begun + seconds)).close()
        except ConnectError as error:
            left = begun + seconds - time.monotonic()
            if not is_starting(error):
                raise
            if left <= 0:
                raise _over(error, seconds) from error
            if told != error.message:
                told = error.message
                progress.step(f"waiting up to {duration(left)}: {told}")
            progress.advance(time.monotonic() - begun, seconds, "s")
            time.sleep(min(pause, left))
        else:
            return


def is_starting(error: BaseException) -> bool:
    """Whether a server that comes up in a moment looks like this."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        permanent = isinstance(cause, ssl.SSLError | PermissionError)
        return not permanent and "rejected SSL upgrade" not in str(cause)
    if getattr(cause, "sqlstate", None) in _COMING_UP:
        return True
    return any(words in str(cause) for words in _POOLER_FAILS)


def _pauses() -> Iterator[float]:
    pause = _FIRST
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST)


def _limit(until: float) -> float:
    """One attempt may take what is left, but a proxy that swallows it should not take it all."""
    return min(max(until - time.monotonic(), 1.0), 10.0)


def _over(error: ConnectError, seconds: float) -> ConnectError:
    waited = f"Waited {duration(seconds)} for it."
    return ConnectError(error.message, detail=f"{error.detail} {waited}".lstrip(), hint=error.hint)
