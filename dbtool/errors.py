"""The errors a user can meet, each tied to one exit code.

DbtoolError
├── UsageError         2    the command line or the settings are wrong
│   └── ProjectError   2    the project's own code raised before there was anything to do
├── ConnectError       3    no connection or no login
├── OperationError     4    a migration, statement or load failed
├── LockNotObtained    5    a lock was not granted in time
└── Interrupted      130    the user stopped us; server-side work is cancelled

Anything else that escapes is a bug of dbtool and exits 70.
"""


class DbtoolError(Exception):
    """An error told in PostgreSQL's vocabulary: message, detail, hint.

    The message names the thing, the detail says why, the hint is the next step. `done` is the
    result of what was done before it failed, for programs.
    """

    exit = 4
    done: object = None

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint


class UsageError(DbtoolError):
    """The command line or the settings ask for something that cannot be."""

    exit = 2


class ProjectError(UsageError):
    """The project's own code, env.py or its models, raised where it was imported or begun."""


class ConnectError(DbtoolError):
    """The server could not be reached, or refused the login."""

    exit = 3


class OperationError(DbtoolError):
    """The operation itself failed; the detail names the state left behind."""

    exit = 4


class LockNotObtained(DbtoolError):
    """A lock was not granted within the time allowed."""

    exit = 5


class Interrupted(DbtoolError):
    """The user interrupted the command and server-side work was cancelled."""

    exit = 130


BUG_EXIT = 70
