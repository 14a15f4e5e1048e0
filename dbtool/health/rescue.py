"""Tells a server that is full from one that refuses for another reason."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from traceback import walk_tb
from typing import TypeVar

from dbtool.database import refusal
from dbtool.database.target import Target
from dbtool.errors import ConnectError

Answer = TypeVar("Answer")


def is_full(error: ConnectError) -> bool:
    """Whether slots are used up, as the server says or a pooler before it passes on."""
    return _slots(error) is not None


def nobody_gets_in(error: ConnectError) -> bool:
    """Whether the slots of superusers are used up too."""
    return _slots(error) == "all"


def _slots(error: ConnectError) -> str | None:
    from asyncpg.exceptions import PostgresError

    cause = error.__cause__
    return refusal.slots_used(cause) if isinstance(cause, PostgresError) else None


def was_tried_twice(error: ConnectError) -> bool:
    """Whether the driver has tried with TLS and, refused there, without it.

    It does so where no slot is left at all, before it has logged in.
    """
    return error.__cause__ is not None and error.__cause__.__cause__ is not None


def offers_tls(error: ConnectError, target: Target) -> bool | None:
    """Whether the server that refused a login there speaks TLS; None where that is not known.

    The driver keeps it in the protocol that it gave up, and a further connection would be one
    too many to ask.
    """
    cause = error.__cause__
    for frame, _ in walk_tb(cause.__traceback__ if cause else None):
        spoke: bool | None = getattr(frame.f_locals.get("pr"), "is_ssl", None)
        if spoke or (spoke is False and _prefers_tls(target)):
            return spoke
    return None


def asked_once(ask: Callable[[Target], Answer], target: Target, *, tls: bool | None) -> Answer:
    """What a database answers to one login.

    A driver that is left to prefer TLS tries a login without it where the server has refused
    one: here TLS is left out only where the server does not speak it.
    """
    if not _prefers_tls(target):
        return ask(target)
    if tls is not False:
        try:
            return ask(replace(target, sslmode="require"))
        except ConnectError as error:
            if not _no_tls(error.__cause__):
                raise
    return ask(replace(target, sslmode="disable"))


def _prefers_tls(target: Target) -> bool:
    return not target.is_socket and target.sslmode in (None, "prefer")


def _no_tls(cause: BaseException | None) -> bool:
    return isinstance(cause, ssl.SSLError) or "rejected SSL upgrade" in str(cause)
