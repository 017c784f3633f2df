"""The ledger of the simulation: a server that runs modelled statements.

Known to it is what `statements_*` model, and two calls for advisory locks of sessions.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import asyncpg

from scheduler.ledger.database import IDLE_S
from scheduler.ledger.statements import statement
from tests.simulation import (
    statements_arm,
    statements_enrol,
    statements_news,
    statements_serve,
    statements_settle,
    statements_steer,
)
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Done, Server
from tests.simulation.schema import SCHEMAS
from tests.simulation.tables import Conflict, Row, Statement, Store, Transaction, Waits

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


MODELS = _modelled(
    statements_arm,
    statements_enrol,
    statements_news,
    statements_serve,
    statements_settle,
    statements_steer,
)


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
    """Postgres, as far as the protocol leans on it. `tape`: what was called, in the order in which it was
    served, for the test that plays it to a real server."""

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
        self.ended_idle = 0

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
        if session.transaction is not None:
            self._loop.post(IDLE_S, self._end_idle, session, session.next)
        if session.next in session.early:
            execute, done = session.early.pop(session.next)
            execute(done)

    def _end_idle(self, session: Session, at: int) -> None:
        """Its process stands still in the middle of a transaction: others wait for the rows."""
        if session.next == at and session.transaction is not None and session.waiting is None:
            self.ended_idle += 1
            self.hang_up(session)

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
