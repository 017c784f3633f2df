"""The ledger of the simulation: a server that runs modelled statements, and a pool that the real `Database` uses.

Known to the server is what `statements_*` model, by the text of each statement, and two calls for advisory locks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import asyncpg

from scheduler.ledger.statements import statement
from tests.simulation import statements_arm, statements_keep, statements_settle
from tests.simulation.loop import Machine, SimulatedLoop
from tests.simulation.network import Broken, Done, Network, Server
from tests.simulation.schema import SCHEMAS
from tests.simulation.tables import Conflict, Row, Statement, Store, Transaction, Waits

COMMAND_TIMEOUT_S = 30.0
"""As `Database.connect` sets it."""

TRY_LOCK, UNLOCK = "SELECT pg_try_advisory_lock($1)", "SELECT pg_advisory_unlock($1)"


def _modelled(*modules: ModuleType) -> dict[str, Callable[..., list[Row]]]:
    """Statement models by name: every function of these modules that is named like a statement."""
    found = {}
    for module in modules:
        for name, model in vars(module).items():
            if callable(model) and model.__module__ == module.__name__ and not name.startswith("_"):
                with suppress(FileNotFoundError):
                    statement(name)
                    found[name] = model
    return found


MODELS = _modelled(statements_arm, statements_keep, statements_settle)
NAMES = {statement(name): name for name in MODELS}


class Session:
    """One connection as the server has it: calls are served in the order in which they were made."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.transaction: Transaction | None = None
        self.alone: Transaction | None = None  # of a statement outside any transaction, while it runs
        self.advisory: set[int] = set()
        self.made = 0
        self.next = 0
        self.early: dict[int, tuple[Callable[[Done], None], Done]] = {}
        self.waiting: Done | None = None
        self.over = False


class LedgerServer(Server):
    """Postgres, as far as the protocol leans on it. `tape`: what was called, in the order in which it was served,
    for the test that plays it to a real server."""

    def __init__(self, loop: SimulatedLoop, rng: random.Random) -> None:
        super().__init__("ledger")
        self._loop = loop
        self.store = Store(dict(SCHEMAS), rng)
        self.models = dict(MODELS)
        self._advisory: dict[int, Session] = {}
        self._sessions: list[Session] = []
        self._numbers = 0
        self.tape: list[tuple[Any, ...]] | None = None
        self.waits = 0

    def connect(self) -> Session:
        self._numbers += 1
        session = Session(self._numbers)
        self._sessions.append(session)
        return session

    def serve(self, session: Session, at: int, execute: Callable[[Done], None], done: Done) -> None:
        """Run what arrived as the session's `at`-th call, after all calls before it."""
        if session.over:
            done.fail(asyncpg.ConnectionDoesNotExistError("connection was closed"))
            return
        if at != session.next or session.waiting is not None:
            session.early[at] = (execute, done)
            return
        execute(done)

    def finished(self, session: Session) -> None:
        session.next += 1
        if session.next in session.early:
            execute, done = session.early.pop(session.next)
            execute(done)

    def run(self, session: Session, name: str, arguments: tuple[Any, ...], done: Done) -> None:
        """A statement, in the session's transaction or in one of its own."""
        transaction = session.transaction
        if transaction is None:
            transaction = session.alone = self.store.begin(self._loop.now_s)
        if transaction.failed:
            done.fail(asyncpg.InFailedSQLTransactionError("current transaction is aborted"))
            self.finished(session)
            return
        self._record("start", session.number, name, arguments)
        self._try(session, transaction, name, arguments, Statement(self.store, transaction), done)

    def _try(
        self,
        session: Session,
        transaction: Transaction,
        name: str,
        arguments: tuple[Any, ...],
        seen: Statement,
        done: Done,
    ) -> None:
        if transaction.ended or transaction.failed:
            return  # it was given up while it waited
        transaction.waits_for = None
        session.waiting = None
        error: Exception | None = None
        rows: list[Row] = []
        try:
            rows = self.models[name](seen, *arguments)
        except Waits as waits:
            self.waits += 1
            seen.again()
            again = (session, transaction, name, arguments, seen, done)
            try:
                self.store.wait(transaction, waits.holder, lambda: self._try(*again))
            except asyncpg.DeadlockDetectedError as deadlock:
                error = deadlock
            else:
                session.waiting = done
                return
        except Conflict as conflict:
            error = asyncpg.UniqueViolationError(f"duplicate key in {conflict.index}")
        except asyncpg.PostgresError as refused:
            error = refused
        self._record("end", session.number, name, type(error).__name__ if error else rows)
        if error is None:
            seen.succeed()
        else:
            transaction.failed = True
        if transaction is session.alone:
            session.alone = None
            self.store.commit(transaction)
        if error is None:
            done(rows)
        else:
            done.fail(error)
        self.finished(session)

    def begin(self, session: Session, done: Done) -> None:
        session.transaction = self.store.begin(self._loop.now_s)
        self._record("begin", session.number)
        done(None)
        self.finished(session)

    def end(self, session: Session, commit: bool, done: Done) -> None:
        transaction, session.transaction = session.transaction, None
        self._record("commit" if commit else "rollback", session.number)
        if transaction is not None and commit:
            self.store.commit(transaction)
        elif transaction is not None:
            self.store.roll_back(transaction)
        done(None)
        self.finished(session)

    def advise(self, session: Session, text: str, key: int, done: Done) -> None:
        holder = self._advisory.get(key)
        if text == TRY_LOCK:
            if holder is None:
                self._advisory[key] = session
                session.advisory.add(key)
            done(holder is None or holder is session)
        else:
            if holder is session:
                del self._advisory[key]
                session.advisory.discard(key)
            done(holder is session)
        self.finished(session)

    def cancel(self, session: Session) -> None:
        """The client takes its running statement back; what has ended by now is not touched."""
        done, session.waiting = session.waiting, None
        transaction = session.transaction or session.alone
        if done is None or transaction is None:
            return
        transaction.failed = True
        self._record("cancel", session.number)
        if transaction is session.alone:
            session.alone = None
            self.store.roll_back(transaction)
        done.fail(asyncpg.QueryCanceledError("canceling statement due to user request"))
        self.finished(session)

    def hang_up(self, session: Session) -> None:
        """The connection is gone: what it had begun never was, its locks are free."""
        if session.over:
            return
        session.over = True
        self._sessions.remove(session)
        self._record("gone", session.number)
        for key in session.advisory:
            del self._advisory[key]
        done, session.waiting = session.waiting, None
        if done is not None:
            done.fail(asyncpg.ConnectionDoesNotExistError("connection was closed"))
        for transaction in (session.transaction, session.alone):
            if transaction is not None:
                self.store.roll_back(transaction)

    def restart(self, away_s: float) -> None:
        """It goes down with all connections; what was committed is there when it is back."""
        self.away_until_s = self._loop.now_s + away_s
        for session in list(self._sessions):
            self.hang_up(session)

    def _record(self, *what: Any) -> None:
        if self.tape is not None:
            self.tape.append(what)


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
