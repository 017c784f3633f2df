"""`migrate`, `version`, `config show`, `keys create`: what keeps an installation going."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, TypeVar

from api.cli.exits import OK
from api.cli.runfile import read_run
from api.cli.session import Session
from scheduler.errors import UsageError
from scheduler.settings import redacted

T = TypeVar("T")


def show_version(session: Session) -> int:
    value = {"dialwheel": version("dialwheel"), "python": platform.python_version()}
    session.answer(value, [f"dialwheel {value['dialwheel']} (Python {value['python']})"], plain=value.items())
    return OK


def show_config(session: Session) -> int:
    settings, origins = session.loaded
    rows = [(name, redacted(getattr(settings, name), name), origin) for name, origin in origins.items()]
    width = max(len(name) for name, _, _ in rows)
    session.answer(
        {
            name: {"value": shown if isinstance(getattr(settings, name), str) else getattr(settings, name),
                   "from": origin}
            for name, shown, origin in rows
        },
        [f"  {name:<{width}}  {shown or '–':<24}  {origin}" for name, shown, origin in rows],
        plain=rows,
    )  # fmt: skip
    return OK


def migrate_ledger(session: Session) -> int:
    """Safe beside running parts, and twice."""
    from scheduler.ledger.migrate import known_migrations, migrate

    applied = _with_ledger(session, migrate)
    said = f"  {len(applied)} migrations applied" if applied else "  nothing to apply"
    session.answer(
        {"applied": applied, "known": len(known_migrations())},
        [f"{said}, {len(known_migrations())} known", *(f"    {name}" for name in applied)],
        plain=[(name,) for name in applied],
    )
    return OK


def create_api_key(session: Session, *, scopes: str, live: bool, account: int) -> int:
    """Print a new key, this once. Raises UsageError for a scope that does not exist."""
    from scheduler.ledger.keys import SCOPES, create_key

    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise UsageError(
            f'no scope "{", ".join(unknown)}"', f"there are: {', '.join(SCOPES)}", "choose among them"
        )
    now_ms = time.time_ns() // 1_000_000

    async def make(database: Any) -> str:
        return await create_key(database, account, "command line", "live" if live else "test", wanted, now_ms)

    key = _with_ledger(session, make)
    session.answer({"key": key, "scopes": wanted}, [key], plain=[(key,)])
    session.say("It is shown this once. Use it as DIALWHEEL_API_KEY.")
    return OK


def _with_ledger(session: Session, work: Callable[[Any], Awaitable[T]]) -> T:
    """Run `work` on the ledger: the one that settings name, that of the running `up`, or a private one
    that is started for the moment."""
    settings = session.settings
    run = read_run(settings.data_path)
    url = settings.postgres_url or (run.servers.get("postgres") if run else None)
    if url:
        return asyncio.run(_work(url, work))
    from api.embedded import EmbeddedStack

    with EmbeddedStack(settings.data_path, valkey=False) as private:
        assert private.postgres is not None
        return asyncio.run(_work(private.postgres.url, work))


async def _work(url: str, work: Callable[[Any], Awaitable[T]]) -> T:
    from scheduler.ledger.database import Database

    database = await Database.connect(url, max_connections=2)
    try:
        return await work(database)
    finally:
        await database.close()
