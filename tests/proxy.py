"""A TCP proxy before a PostgreSQL server that counts round trips, adds delay and cuts connections.

It runs on a thread of its own, so that subprocesses and blocking tests can go through it.
"""

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.database.target import Target

HOST = "127.0.0.1"
_LIMIT = 60.0

READY = b"Z\x00\x00\x00\x05"
"""How ReadyForQuery begins; the first one ends the login."""

ASKING = b"QSHc"
"""Query, Sync, Flush and CopyDone: the messages a client waits behind for an answer."""


@dataclass
class Traffic:
    """What one client connection said and heard.

    A turn begins with the first client bytes after server bytes; it is a round trip once
    the server has answered it, so the farewell of a closing client is a turn only.
    """

    turns: int = 0
    round_trips: int = 0
    login_round_trips: int = 0
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    open: bool = True
    _answered: bool = field(default=True, repr=False)

    @property
    def after_login(self) -> int:
        """Round trips since the login ended."""
        return self.round_trips - self.login_round_trips if self.login_round_trips else 0

    @property
    def requests(self) -> int:
        """How often the client asked for an answer since the login, however packets were cut.

        Much data that goes out may meet answers on their way; round trips count those too.
        """
        asked = position = 0
        while position < len(self.sent):
            kind = self.sent[position]
            begin = position + bool(kind)  # the first messages have no kind
            position = begin + int.from_bytes(self.sent[begin : begin + 4])
            asked += kind in ASKING
        return asked

    def from_client(self, data: bytes) -> None:
        """Note bytes on their way to the server."""
        self.turns += self._answered
        self._answered = False
        self.sent += data

    def from_server(self, data: bytes) -> None:
        """Note bytes on their way to the client."""
        self.round_trips += not self._answered
        self._answered = True
        tail = bytes(self.received[-len(READY) :])
        self.received += data
        if not self.login_round_trips and READY in tail + data:
            self.login_round_trips = self.round_trips


class Proxy:
    """One listening port in front of one server; see `proxy` for how to start it."""

    def __init__(self, upstream: Target, delay: float) -> None:
        self.delay = delay
        """Seconds one round trip takes longer; may be changed at any time."""
        self._accepted: list[Traffic] = []
        self._upstream = upstream
        self._port = 0
        self._cut_at_turn: int | None = None
        self._silent = False
        self._silent_at_turn: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def target(self) -> Target:
        """The same database by way of the proxy."""
        return dataclasses.replace(self._upstream, host=HOST, port=self._port)

    @property
    def connections(self) -> list[Traffic]:
        """Those of clients that said something: whoever only looks at open ports is none."""
        return [each for each in self._accepted if each.sent]

    @property
    def turns(self) -> int:
        """Client-to-server turns of all connections so far."""
        return sum(each.turns for each in self.connections)

    @property
    def round_trips(self) -> int:
        """Answered turns of all connections so far."""
        return sum(each.round_trips for each in self.connections)

    def forget(self) -> None:
        """Start counting anew, for instance after a warm-up."""
        self._accepted.clear()

    def cut(self) -> None:
        """Reset every open connection, as a network or a failing server does."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def cut_at_turn(self, turn: int | None) -> None:
        """Reset each connection the moment its client begins its n-th turn."""
        self._cut_at_turn = turn

    def go_silent(self, silent: bool = True) -> None:
        """Swallow what either side says from now on while connections stay open."""
        self._silent = silent

    def go_silent_at_turn(self, turn: int) -> None:
        """Swallow what is said on each connection once its client begins its n-th turn."""
        self._silent_at_turn = turn

    def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, HOST, 0), self._loop
        ).result(timeout=_LIMIT)
        self._port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close everything and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=_LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=_LIMIT)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        self._abort_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._upstream.host, self._upstream.port
        if self._upstream.is_socket:
            return await asyncio.open_unix_connection(str(Path(host) / f".s.PGSQL.{port}"))
        return await asyncio.open_connection(host, port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._relay(reader, writer)
        except asyncio.CancelledError:
            # Python 3.11 prints a traceback for a cancelled handler.
            return

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        traffic = Traffic()
        self._accepted.append(traffic)
        pair = [writer]
        try:
            up_reader, up_writer = await self._dial()
            pair.append(up_writer)
            self._writers.update(pair)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, up_writer, traffic.from_client, traffic))
                both.create_task(self._pump(up_reader, writer, traffic.from_server, traffic))
        except* OSError:
            pass
        finally:
            traffic.open = False
            self._writers.difference_update(pair)
            for each in pair:
                each.transport.abort()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        record: Callable[[bytes], None],
        traffic: Traffic,
    ) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        forward = asyncio.create_task(_forward(late, sink))
        try:
            while data := await source.read(65536):
                if self._silent:
                    continue
                record(data)
                if self._silent_at_turn is not None and traffic.turns >= self._silent_at_turn:
                    continue
                if self._cut_at_turn is not None and traffic.turns >= self._cut_at_turn:
                    raise ConnectionAbortedError("cut on request")
                late.put_nowait((self._loop.time() + self.delay / 2, data))
            late.put_nowait((self._loop.time() + self.delay / 2, b""))
            await forward
        finally:
            forward.cancel()


async def _forward(late: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    """Pass chunks on when they are due; a queue keeps them in order."""
    loop = asyncio.get_running_loop()
    while True:
        due, data = await late.get()
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        if not data:
            sink.close()
            return
        sink.write(data)
        await sink.drain()


@contextmanager
def proxy(upstream: Target, *, delay: float = 0.0) -> Iterator[Proxy]:
    """A running proxy before a server; its `target` is the same database through it."""
    running = Proxy(upstream, delay)
    running.start()
    try:
        yield running
    finally:
        running.stop()
