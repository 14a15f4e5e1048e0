"""How bad a finding is, and from where on it makes a command fail."""

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad a finding is; monitoring reads ERROR as critical."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The severity as it is printed and as `--fail-on` accepts it."""
        return self.name.lower()


class FailOn(StrEnum):
    """The least severity that makes a command exit 1."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"
    NEVER = "never"
