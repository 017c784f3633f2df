"""Tables in memory with transactions, as Postgres has them under READ COMMITTED: what is committed, who
holds which rows, who waits for whom.

A commit is seen whole or not at all. Who waits for a lock and gets it is drawn: whoever waited longest need
not be first. A circle of waits ends with an error for whoever closed it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import asyncpg

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = Any
Table: TypeAlias = Mapping[Key, Row]


class Unique(NamedTuple):
    """A unique index: `key` answers None for rows that it leaves out."""

    name: str
    key: Callable[[Row], Any]


class Schema(NamedTuple):
    """A table: its primary key and what else must hold of its rows. `identity`: the key is counted."""

    key: Callable[[Row], Key]
    unique: tuple[Unique, ...] = ()
    checks: tuple[Callable[[Row], bool], ...] = ()
    identity: str | None = None


class Waits(Exception):
    """The statement has to wait until this transaction has ended, and then look again."""

    def __init__(self, holder: Transaction) -> None:
        super().__init__("waits")
        self.holder = holder


class Conflict(Exception):
    """A row of that key is there: `index` and the row's primary key."""

    def __init__(self, index: str, key: Key) -> None:
        super().__init__(index)
        self.index = index
        self.key = key


class Transaction:
    """One transaction: what it has written and locked. `first`: what was committed when its first statement
    began, for those who want to see what one snapshot for all would do."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.writes: dict[str, dict[Key, Row | None]] = {}
        self.locks: list[tuple[str, Key]] = []
        self.first: dict[str, Table] | None = None
        self.waits_for: Transaction | None = None
        self.ended = False
        self.failed = False
        self.then: list[Callable[[], None]] = []


class Store:
    """What is committed, and who holds which rows."""

    def __init__(self, schemas: Mapping[str, Schema], rng: random.Random) -> None:
        self._rng = rng
        self.schemas = schemas
        self.tables: dict[str, Table] = {name: {} for name in schemas}
        self.open: list[Transaction] = []
        self.locks: dict[tuple[str, Key], Transaction] = {}
        self.shared: dict[Key, list[Transaction]] = {}
        self.wanted: dict[Key, list[Transaction]] = {}
        """Advisory locks of transactions: who shares one, and who waits to have it alone."""
        self.counted: dict[str, int] = dict.fromkeys(schemas, 0)
        self.on_commit: Callable[[Transaction, dict[str, Table]], None] | None = None

    def begin(self, now_s: float) -> Transaction:
        transaction = Transaction(now_s)
        self.open.append(transaction)
        return transaction

    def commit(self, transaction: Transaction) -> None:
        """All it has written is there from now on. One that failed is rolled back instead."""
        if transaction.ended:
            return
        if transaction.failed:
            self.roll_back(transaction)
            return
        before = dict(self.tables)
        for name, rows in transaction.writes.items():
            table = {**self.tables[name], **rows}
            if None in rows.values():
                table = {key: row for key, row in table.items() if row is not None}
            self.tables[name] = table  # type: ignore[assignment]
        if self.on_commit is not None and transaction.writes:
            self.on_commit(transaction, before)
        self._end(transaction)

    def roll_back(self, transaction: Transaction) -> None:
        if not transaction.ended:
            self._end(transaction)

    def wait(self, transaction: Transaction, holder: Transaction, then: Callable[[], None]) -> None:
        """`then` runs when `holder` has ended. Raises DeadlockDetectedError when it waits for us."""
        other: Transaction | None = holder
        while other is not None:
            if other is transaction:
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            other = other.waits_for
        transaction.waits_for = holder
        holder.then.append(then)

    def _end(self, transaction: Transaction) -> None:
        transaction.ended = True
        self.open.remove(transaction)
        for lock in transaction.locks:
            self.locks.pop(lock, None)
        for holders in (*self.shared.values(), *self.wanted.values()):
            if transaction in holders:
                holders.remove(transaction)
        then, transaction.then = transaction.then, []
        self._rng.shuffle(then)  # whoever waited longest need not be first
        for waiter in then:
            waiter()
