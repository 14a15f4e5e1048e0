"""Times the way to a server: its name, its address, and TLS, before anybody logs in."""

import asyncio
import socket
import ssl
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass

from dbtool.database.connect import DEFAULT_TIMEOUT
from dbtool.database.login import SSL_REQUEST, explain
from dbtool.database.target import Target

RUNS = 3


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds, medians; None is a stage that this connection has not.

    `tls` holds the question whether the server offers it, and the handshake where it does.
    """

    dns: float | None
    connect: float
    tls: float | None
    encrypted: bool


async def stages(target: Target) -> Stages:
    """Go as far as TLS, three times; raises ConnectError that names the stage that failed."""
    try:
        async with asyncio.timeout(DEFAULT_TIMEOUT * RUNS):
            runs = [await _once(target) for _ in range(RUNS)]
    except (OSError, TimeoutError) as error:
        raise await explain(error, target, DEFAULT_TIMEOUT) from error
    return Stages(
        dns=_median([each.dns for each in runs]),
        connect=statistics.median(each.connect for each in runs),
        tls=_median([each.tls for each in runs]),
        encrypted=runs[-1].encrypted,
    )


def _median(seconds: list[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return statistics.median(known) if known else None


async def _once(target: Target) -> Stages:
    begun = time.perf_counter()
    addresses = () if target.is_socket else await _addresses(target)
    resolved = time.perf_counter()
    reader, writer = await _open(target, addresses)
    connected = time.perf_counter()
    try:
        wanted = target.may_use_tls and target.parameter("sslnegotiation") != "direct"
        encrypted = wanted and await _encrypt(reader, writer, target)
        tls = time.perf_counter() - connected if wanted else None
    finally:
        writer.close()
    dns = resolved - begun if addresses else None
    return Stages(dns, connected - resolved, tls, bool(encrypted))


async def _addresses(target: Target) -> tuple[tuple[str, int], ...]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return tuple((str(each[4][0]), int(each[4][1])) for each in found)


async def _open(
    target: Target, addresses: tuple[tuple[str, int], ...]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The first address that answers, as a driver does it."""
    if target.is_socket:
        return await asyncio.open_unix_connection(f"{target.host}/.s.PGSQL.{target.port}")
    for each in addresses[:-1]:
        with suppress(OSError):
            return await asyncio.open_connection(*each)
    return await asyncio.open_connection(*addresses[-1])


async def _encrypt(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target
) -> bool:
    """Whether TLS is there. Nothing secret is sent, so that the certificate need not be judged."""
    writer.write(SSL_REQUEST)
    if await reader.readexactly(1) != b"S":
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    await writer.start_tls(context, server_hostname=target.host)
    return True
