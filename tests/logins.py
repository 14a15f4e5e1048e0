"""Log in and read what is in force, or what is said when that fails."""

import asyncio
from typing import Any

import pytest

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError

LIMITS = {"lock_timeout": "100ms", "statement_timeout": "30s"}
IN_FORCE = (
    "SELECT concat_ws(' ', current_setting('transaction_read_only'),"
    " current_setting('lock_timeout'), current_setting('statement_timeout'))"
)


def login(target: Target, **options: Any) -> Any:
    """Connect, ask for the settings in force, and leave."""

    async def run() -> Any:
        connection = await connect(target, **options)
        async with connection.limits():
            found = await connection.fetchval(IN_FORCE)
        await connection.close()
        return found

    return asyncio.run(run())


def refusal(target: Target, kind: type[DbtoolError] = ConnectError, **options: Any) -> str:
    """The whole error of a login that fails, with the address written as SERVER."""
    with pytest.raises(kind) as raised:
        login(target, **options)
    lines = (raised.value.message, raised.value.detail, raised.value.hint)
    return "\n".join(lines).replace(target.address, "SERVER")


def said(*lines: str) -> str:
    """Message, detail and hint as `refusal` writes them."""
    return "\n".join(lines)
