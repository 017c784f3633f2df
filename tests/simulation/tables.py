"""Statements on the simulated tables, under READ COMMITTED as far as the protocol leans on it.

A statement sees what was committed when it began, and its own transaction's writes. It waits for rows that
another transaction has locked, for as long as that lasts, and then looks at those rows (and only those) as
they are now. Unique keys hold against rows of transactions that have not ended as well: the second writer
waits for the first.

Left out: savepoints, locks of rows weaker or stronger than FOR NO KEY UPDATE, plans, types, column defaults
and any CHECK but those that `Schema` names. Rows are dicts that nobody changes: a write puts another one in
their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg

from tests.simulation.store import Conflict, Key, Row, Schema, Store, Table, Transaction, Unique, Waits

__all__ = ["Conflict", "Row", "Schema", "Statement", "Store", "Table", "Transaction", "Unique", "Waits"]


class Statement:
    """One statement of a transaction: what it sees, and what it will have written when it succeeds.

    It may be run again from the start after a wait: what it sees stays as it was, locked rows apart, and
    what it wrote before the wait is forgotten; the locks stay.
    """

    def __init__(self, store: Store, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction
        self._seen = dict(store.tables)
        if transaction.first is None:
            transaction.first = self._seen
        self._staged: dict[str, dict[Key, Row | None]] = {}

    def as_of_first(self) -> None:
        """See what the transaction's first statement saw: what one statement for all would see."""
        self._seen = self._transaction.first or self._seen

    def again(self) -> None:
        self._staged = {}

    def rows(self, table: str) -> Iterator[Row]:
        """What it sees of a table."""
        own = self._transaction.writes.get(table)
        if not own:
            yield from self._seen[table].values()
            return
        for key, row in self._seen[table].items():
            if key not in own:
                yield row
        for written in own.values():
            if written is not None:
                yield written

    def get(self, table: str, key: Key) -> Row | None:
        own = self._transaction.writes.get(table)
        if own is not None and key in own:
            return own[key]
        return self._seen[table].get(key)

    def lock(self, table: str, key: Key) -> Row | None:
        """Lock a row that was seen; the row as it is now, None if it is gone. Raises Waits."""
        lock = (table, key)
        holder = self._store.locks.get(lock)
        if holder is None:
            self._store.locks[lock] = self._transaction
            self._transaction.locks.append(lock)
        elif holder is not self._transaction:
            raise Waits(holder)
        own = self._transaction.writes.get(table)
        if own is not None and key in own:
            return own[key]
        return self._store.tables[table].get(key)

    def advise_shared(self, key: Key) -> None:
        """Raises Waits while another has the key alone, or has been waiting for that."""
        store, me = self._store, self._transaction
        holders = store.shared.setdefault(key, [])
        if me in holders:
            return
        alone = [*store.wanted.get(key, ())]
        if ("advisory", key) in store.locks:
            alone.insert(0, store.locks[("advisory", key)])
        for other in alone:
            if other is not me:
                raise Waits(other)
        holders.append(me)

    def advise_alone(self, key: Key) -> None:
        """Raises Waits while others have the key."""
        store, me = self._store, self._transaction
        wanted = store.wanted.setdefault(key, [])
        holder = store.locks.get(("advisory", key))
        others = [other for other in store.shared.get(key, ()) if other is not me]
        if holder is not None and holder is not me:
            others.append(holder)
        if others:
            if me not in wanted:
                wanted.append(me)
            raise Waits(others[0])
        if me in wanted:
            wanted.remove(me)
        if holder is None:
            store.locks[("advisory", key)] = me
            me.locks.append(("advisory", key))

    def next_id(self, table: str) -> int:
        """Counted on whatever becomes of the row, as an identity column does."""
        self._store.counted[table] += 1
        return self._store.counted[table]

    def insert(self, table: str, row: Row) -> Key:
        """Raises Conflict when a row of that key is there, Waits when one may come to be."""
        schema = self._store.schemas[table]
        key = schema.key(row)
        current, own, staged = self._now(table)
        if key in staged or (own.get(key) if key in own else current.get(key)) is not None:
            raise Conflict("primary", key)
        self._check_others(table, row, key)
        for unique in schema.unique:
            self._check_unique(table, unique, row, key, current, own, staged)
        self._check(schema, row)
        self._staged.setdefault(table, {})[key] = row
        return key

    def update(self, table: str, row: Row, **changes: Any) -> Row:
        """Write a row that was locked with `lock`. Raises Conflict."""
        schema = self._store.schemas[table]
        key = schema.key(row)
        changed = {**row, **changes}
        if schema.unique:
            current, own, staged = self._now(table)
            self._check_others(table, changed, key)
            for unique in schema.unique:
                if unique.key(changed) != unique.key(row):
                    self._check_unique(table, unique, changed, key, current, own, staged)
        self._check(schema, changed)
        self._staged.setdefault(table, {})[key] = changed
        return changed

    def succeed(self) -> None:
        """What it wrote is its transaction's."""
        for table, rows in self._staged.items():
            self._transaction.writes.setdefault(table, {}).update(rows)

    def _now(self, table: str) -> tuple[Table, dict[Key, Row | None], dict[Key, Row | None]]:
        own = self._transaction.writes.get(table, {})
        return self._store.tables[table], own, self._staged.get(table, {})

    def _check_unique(
        self,
        table: str,
        unique: Unique,
        row: Row,
        key: Key,
        current: Table,
        own: Mapping[Key, Row | None],
        staged: Mapping[Key, Row | None],
    ) -> None:
        value = unique.key(row)
        if value is None:
            return
        for other_key, other in current.items():
            if other_key == key or other_key in staged or other_key in own:
                continue
            if unique.key(other) == value:
                changing = self._changed_by_another(table, other_key)
                raise Conflict(unique.name, other_key) if changing is None else Waits(changing)
        for rows in (own, staged):
            for other_key, mine in rows.items():
                if mine is None or other_key == key or (rows is own and other_key in staged):
                    continue
                if unique.key(mine) == value:
                    raise Conflict(unique.name, other_key)

    def _changed_by_another(self, table: str, key: Key) -> Transaction | None:
        for other in self._store.open:
            if other is not self._transaction and key in other.writes.get(table, ()):
                return other
        return None

    def _check_others(self, table: str, row: Row, key: Key) -> None:
        """Rows that other transactions have written and not committed: theirs may be the key's."""
        schema = self._store.schemas[table]
        for other in self._store.open:
            if other is self._transaction or table not in other.writes:
                continue
            for other_key, theirs in other.writes[table].items():
                if theirs is None:
                    continue
                if other_key == key and schema.identity is None:
                    raise Waits(other)
                for unique in schema.unique:
                    value = unique.key(row)
                    if value is not None and other_key != key and unique.key(theirs) == value:
                        raise Waits(other)

    def _check(self, schema: Schema, row: Row) -> None:
        for check in schema.checks:
            if not check(row):
                raise asyncpg.CheckViolationError("a row breaks a CHECK")
