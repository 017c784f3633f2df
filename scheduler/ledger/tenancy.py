"""Whose work a task does: while it serves an account, the ledger shows and takes that account's rows alone.

Statements name the account themselves; row-level security is the second wall behind them. What runs for all
accounts (the wheel's services, the dialer, checking keys) serves none and goes by connections of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import asyncpg

ROLE = "dialwheel_tenant"
"""Owns nothing and bypasses nothing: it sees rows of the account that its connection serves."""

_serving: ContextVar[int | None] = ContextVar("serving", default=None)


@contextmanager
def serving(account_id: int | None) -> Iterator[None]:
    """Inside it, and in tasks begun there, statements run for this account; None: for all of them."""
    token = _serving.set(account_id)
    try:
        yield
    finally:
        _serving.reset(token)


def served() -> int | None:
    """The account that is served just now."""
    return _serving.get()


class TenantConnection(asyncpg.Connection):
    """A connection under the tenants' role. It serves the account it was last told and tells the server
    only when that changes: serving one account after the other costs a round trip each time."""

    _account_id: int | None = None

    async def serve(self, account_id: int) -> None:
        if self._account_id != account_id:
            self._account_id = None  # unknown, should the next line break off
            await self.execute(f"SET dialwheel.account_id = '{account_id:d}'")
            self._account_id = account_id
