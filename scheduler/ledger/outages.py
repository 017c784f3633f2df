"""What a Postgres in trouble answers, in words: what went wrong, why, and what to do about it."""

from __future__ import annotations

import asyncpg

from scheduler.errors import ServerUnavailable

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, too many connections
    asyncpg.OperatorInterventionError,  # a statement that was canceled, a server on its way down
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process stood still in the middle of it
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,  # a block that cannot be read: XX000 to XX002
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidCatalogNameError,  # the database is being put back
    asyncpg.ObjectNotInPrerequisiteStateError,  # the same: it takes no connections just now
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # bytes that make no sense, as after a cut
)
"""What a server may answer that is in trouble itself: asked again later it may do better."""

_AWAY = "Postgres does not answer"
_SAID: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (asyncpg.DiskFullError, "Postgres cannot write", "its disk is full", "free space there"),
    (
        asyncpg.TooManyConnectionsError,
        "Postgres takes no more connections",
        "all are used",
        "raise its limit",
    ),
    (asyncpg.ReadOnlySQLTransactionError, "Postgres takes no writes", "it is a standby", "name the primary"),
    (asyncpg.CannotConnectNowError, _AWAY, "it is starting or stopping", "wait for it, or see its log"),
    (TimeoutError, _AWAY, "nothing came in time", "look at the server and at the line to it"),
)


def unavailable(error: BaseException) -> ServerUnavailable:
    """Ours in place of Postgres' or the driver's error, whose text may show a row with its phone."""
    what, why, do = next(
        (words for kind, *words in _SAID if isinstance(error, kind)),
        (_AWAY, type(error).__name__, "look at the server and at the line to it"),
    )
    return ServerUnavailable(what, why, f"{do}; nothing is dialled until then, work goes on by itself")
