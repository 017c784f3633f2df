"""What has to hold when a task begins to change something: looked at inside the transaction of the change.

Who begins the change does not know which transaction that will be; the database runs the check at the
beginning of each one of the task until one has committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], Awaitable[None]]
"""Of the transaction's connection; what it raises undoes the transaction."""


@dataclass
class _Guard:
    check: Check
    committed: bool = False


_guard: ContextVar[_Guard | None] = ContextVar("guard", default=None)
_through: ContextVar[Any] = ContextVar("through", default=None)


@contextmanager
def guarded(check: Check) -> Iterator[None]:
    """Inside it, and in tasks begun there, the first change is made only where `check` finds nothing wrong.
    Statements of the check that name no connection run in the transaction."""
    token = _guard.set(_Guard(check))
    try:
        yield
    finally:
        _guard.reset(token)


async def begun(on: Any) -> None:
    """A transaction has begun on this connection."""
    guard = _guard.get()
    if guard is None or guard.committed:
        return
    unguarded, through = _guard.set(None), _through.set(on)
    try:
        await guard.check(on)
    finally:
        _through.reset(through)
        _guard.reset(unguarded)


def committed() -> None:
    guard = _guard.get()
    if guard is not None:
        guard.committed = True


def connection_of_check() -> Any:
    """The connection that statements of a check run on; None outside of one."""
    return _through.get()
