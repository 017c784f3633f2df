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
    """`over`: also for tasks that were begun under it and live on."""

    check: Check
    over: bool = False


@dataclass
class _Run:
    """A check under way: its connection, and None when it is over, also for tasks that were begun in it."""

    on: Any


_guard: ContextVar[_Guard | None] = ContextVar("guard", default=None)
_run: ContextVar[_Run | None] = ContextVar("run", default=None)


@contextmanager
def guarded(check: Check) -> Iterator[None]:
    """Inside it, and in tasks begun there, the first change is made only where `check` finds nothing wrong.
    Statements of the check that name no connection run in the transaction."""
    guard = _Guard(check)
    token = _guard.set(guard)
    try:
        yield
    finally:
        guard.over = True
        _guard.reset(token)


async def begun(on: Any) -> None:
    """A transaction has begun on this connection."""
    guard = _guard.get()
    if guard is None or guard.over or _run.get() is not None:
        return
    run = _Run(on)
    token = _run.set(run)
    try:
        await guard.check(on)
    finally:
        run.on = None
        _run.reset(token)


def committed() -> None:
    guard = _guard.get()
    if guard is not None and _run.get() is None:
        guard.over = True


def connection_of_check() -> Any:
    """The connection that statements of a check run on; None outside of one."""
    run = _run.get()
    return None if run is None else run.on
