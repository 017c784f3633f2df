"""What the real `Database` takes for asyncpg's pool: connections of one process to the modelled ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from scheduler.ledger.statements import statement
from tests.simulation.ledger import MODELS, UNLOCK, LedgerServer, Session
from tests.simulation.loop import Machine, SimulatedLoop
from tests.simulation.network import Broken, Done, Network
from tests.simulation.tables import Row

COMMAND_TIMEOUT_S = 5.0
"""As the dialer's connections have it."""

NAMES = {statement(name): name for name in MODELS}


class Pool:
    """What `Database` takes for asyncpg's pool: connections of one process."""

    def __init__(
        self, network: Network, server: LedgerServer, loop: SimulatedLoop, machine: Machine, size: int
    ) -> None:
        self.network = network
        self.server = server
        self.loop = loop
        self.machine = machine
        self._size = size
        self._room = asyncio.Semaphore(size)
        self._idle: list[_Connection] = []
        self.all: list[Session] = []

    async def acquire(self, *, timeout: float) -> _Connection:
        """Raises TimeoutError when none came free."""
        async with asyncio.timeout(timeout):
            await self._room.acquire()
        while self._idle:
            connection = self._idle.pop()
            if not connection.broken and not connection.session.over:
                return connection
        connection = _Connection(self, self.server.connect())
        self.all = [session for session in self.all if not session.over]
        self.all.append(connection.session)
        return connection

    async def release(self, connection: _Connection, *, timeout: float) -> None:
        if not connection.broken:
            self._idle.append(connection)
        self._room.release()

    def get_size(self) -> int:
        return self._size

    def get_max_size(self) -> int:
        return self._size

    def cut(self) -> None:
        """The process is gone, its connections with it."""
        for session in self.all:
            self.server.hang_up(session)


class _Connection:
    """What of asyncpg's connection is used."""

    def __init__(self, pool: Pool, session: Session) -> None:
        self._pool = pool
        self.session = session
        self.broken = False

    @property
    def server(self) -> LedgerServer:
        return self._pool.server

    def transaction(self) -> _Block:
        return _Block(self)

    def terminate(self) -> None:
        """Cut it, without a word to the server."""
        self.broken = True
        self._pool.loop.post(0.001, self.server.hang_up, self.session)

    async def fetch(self, text: str, *arguments: Any) -> list[Row]:
        name = NAMES[text]
        server, session = self._pool.server, self.session
        rows: list[Row] = await self.ask(lambda done: server.run(session, name, arguments, done), name)
        return rows

    async def fetchrow(self, text: str, *arguments: Any) -> Row | None:
        rows = await self.fetch(text, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, text: str, key: int) -> Any:
        server, session = self._pool.server, self.session
        return await self.ask(lambda done: server.advise(session, text, key, done), "lock")

    async def execute(self, text: str, *arguments: Any) -> str:
        if text == UNLOCK:
            await self.fetchval(text, *arguments)
        else:
            await self.fetch(text, *arguments)
        return ""

    async def ask(self, execute: Callable[[Done], None], what: str) -> Any:
        """Raises what asyncpg raises: its own error, or TimeoutError when no answer came."""
        pool, session = self._pool, self.session
        if self.broken or session.over:
            self.broken = True
            raise asyncpg.InterfaceError("connection is closed")
        at = session.made
        session.made += 1
        try:
            return await pool.network.call(
                pool.machine,
                pool.server,
                lambda done: pool.server.serve(session, at, execute, done),
                patience_s=COMMAND_TIMEOUT_S,
                what=what,
            )
        except Broken as broken:
            self.broken = True
            pool.loop.post(0.001 if broken.at_once else 0.01, pool.server.hang_up, session)
            if broken.at_once:
                raise asyncpg.ConnectionDoesNotExistError("connection was closed") from None
            raise TimeoutError from None
        except asyncio.CancelledError:
            pool.loop.post(0.001, pool.server.cancel, session)
            raise


class _Block:
    """A transaction of asyncpg's."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def start(self) -> None:
        server, session = self._connection.server, self._connection.session
        await self._connection.ask(lambda done: server.begin(session, done), "begin")

    async def commit(self) -> None:
        await self._end(True)

    async def rollback(self) -> None:
        await self._end(False)

    async def _end(self, commit: bool) -> None:
        server, session = self._connection.server, self._connection.session
        name = "commit" if commit else "rollback"
        await self._connection.ask(lambda done: server.end(session, commit, done), name)
