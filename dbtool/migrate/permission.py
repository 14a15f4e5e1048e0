"""What the user allowed in advance, and whom to ask for the rest."""

from dataclasses import dataclass, field
from typing import NoReturn

from dbtool.errors import UsageError
from dbtool.guard import Consent, Need
from dbtool.ports import Ask


class Nobody:
    """An Ask behind which nobody can answer."""

    def confirm(self, question: str) -> NoReturn:
        """Refuse."""
        raise UsageError("this needs a yes, and nobody was asked", detail=question)

    def type_name(self, question: str, name: str) -> NoReturn:
        """Refuse."""
        raise UsageError(f'this needs the name "{name}", and nobody was asked', detail=question)


@dataclass(frozen=True, slots=True)
class Permission:
    """Consent given in advance, and whom to ask where that is not enough."""

    consent: Consent = field(default_factory=Consent)
    ask: Ask = field(default_factory=Nobody)

    def covers(self, needed: Need) -> bool:
        """Whether nobody has to be asked."""
        named = self.consent.confirm_database is not None
        return named or (needed is Need.YES and self.consent.yes)
