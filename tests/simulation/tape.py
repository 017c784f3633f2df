"""What a run asked of its servers, in order, to be asked of real ones: the models are as true as their
answers."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from scheduler.domain.time import Ms
from scheduler.ledger.statements import statement
from scheduler.wheel import Claimed, TimingWheel
from tests.simulation.tables import Row


class Tape(NamedTuple):
    """One run. `ledger`: begin, start, end, commit, rollback, cancel, gone, settings, by connection;
    `wheel`: name, arguments and answer of each script."""

    base_ms: Ms
    most_calls: int
    per_s: float | None
    ledger: list[tuple[Any, ...]]
    wheel: list[tuple[str, dict[str, Any], Any]]


class Played(NamedTuple):
    """How much was compared, how often one waited for another, and every difference."""

    compared: int
    waited: int
    different: list[str]


def record(seed: int, path: Path) -> Tape:
    """Play a seed in a process of its own, as its loop is not ours."""
    words = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.simulation",
        "--seed",
        str(seed),
        "--tape",
        str(path),
    ]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONHASHSEED": "0"}, stdout=subprocess.DEVNULL)
    tape: Tape = pickle.loads(path.read_bytes())
    return tape


class _AnotherWasFirst(Exception):
    """Of two who wait for one row Postgres let the other go first, as it may: the tape tells of another
    world."""


class LedgerPlayer:
    """Plays the ledger's part of a tape to a real server, on as many connections as there were, until its
    end or until Postgres wakes waiters in another order."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections: dict[int, asyncpg.Connection] = {}
        self._running: dict[int, asyncio.Task[list[asyncpg.Record]]] = {}
        self._compared = self._waited = 0
        self._different: list[str] = []

    async def play(self, tape: list[tuple[Any, ...]]) -> Played:
        try:
            for at, (what, *about) in enumerate(tape):
                await getattr(self, f"_{what}")(*about)
                answered = at + 1 < len(tape) and tape[at + 1][:2] == ("end", about[0])
                if what == "start" and not answered:
                    self._waited += 1
                    await asyncio.sleep(0.01)
                    if self._running[about[0]].done():
                        self._different.append(f"{about[1]} waits in the model only")
                if len(self._different) > 5:
                    break
        except _AnotherWasFirst:
            pass
        finally:
            for task in self._running.values():
                task.cancel()
            for connection in self._connections.values():
                connection.terminate()
        return Played(self._compared, self._waited, self._different)

    async def _on(self, session: int) -> asyncpg.Connection:
        if session not in self._connections:
            self._connections[session] = await asyncpg.connect(self._url, server_settings={"timezone": "UTC"})
        return self._connections[session]

    async def _begin(self, session: int) -> None:
        await (await self._on(session)).execute("BEGIN")

    async def _start(self, session: int, name: str, arguments: tuple[Any, ...]) -> None:
        connection = await self._on(session)
        self._running[session] = asyncio.ensure_future(connection.fetch(statement(name), *arguments))

    async def _end(self, session: int, name: str, answer: list[Row] | str) -> None:
        task = self._running.pop(session)
        done, _ = await asyncio.wait({task}, timeout=2)
        if not done and any(other.done() for other in self._running.values()):
            task.cancel()
            raise _AnotherWasFirst
        try:
            rows: list[Row] | str = [dict(row) for row in await asyncio.wait_for(task, 3)]
        except (asyncpg.PostgresError, TimeoutError) as error:
            rows = type(error).__name__
        self._compared += 1
        if _sorted(rows) != _sorted(answer):
            self._different.append(
                f"{name}: Postgres {_sorted(rows)!s:.600} | model {_sorted(answer)!s:.600}"
            )

    async def _commit(self, session: int) -> None:
        await (await self._on(session)).execute("COMMIT")

    async def _rollback(self, session: int) -> None:
        await (await self._on(session)).execute("ROLLBACK")

    async def _cancel(self, session: int) -> None:
        task = self._running.pop(session)
        task.cancel()
        await asyncio.wait({task})

    async def _gone(self, session: int) -> None:
        """Returns when the server has noticed: what was begun is rolled back then."""
        connection = self._connections.pop(session, None)
        task = self._running.pop(session, None)
        if connection is None:
            return
        server_pid = connection.get_server_pid()
        watch = await asyncpg.connect(self._url)
        await watch.execute("SELECT pg_terminate_backend($1)", server_pid)
        still = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
        while await watch.fetchval(still, server_pid):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await watch.close()
        connection.terminate()
        if task is not None:
            await asyncio.wait({task})
            task.exception()

    async def _settings(self, _: int, version: int) -> None:
        watch = await asyncpg.connect(self._url)
        await watch.execute("UPDATE agent SET policy_version = $1", version)
        await watch.close()


def _sorted(rows: list[Row] | str) -> list[Row] | str:
    if isinstance(rows, str):
        return rows
    return sorted(rows, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


async def play_wheel(wheel: TimingWheel, tape: list[tuple[str, dict[str, Any], Any]]) -> Played:
    """Ask a real wheel, empty at first, what the model was asked, until its end or until the wheel chooses
    another lane among several whose turn it is."""
    compared, different = 0, []
    for at, (name, told, answer) in enumerate(tape):
        if name.startswith("spools_"):
            continue
        real = await _ask(wheel, name, told)
        if name == "epoch":
            continue
        compared += 1
        if name == "claim" and len(real.claims) == len(answer.claims) and _plain(real) != _plain(answer):
            break
        if _plain(real) != _plain(answer) or _wakes_late(real, answer):
            different.append(f"{at} {name} {told}: wheel {real!s:.300} | model {answer!s:.300}")
            if len(different) > 3:
                break
    return Played(compared, 0, different)


async def _ask(wheel: TimingWheel, name: str, told: dict[str, Any]) -> Any:
    if name == "flush":
        return await wheel._servers.command(0, "FLUSHALL")
    if name in ("close_epoch", "epoch"):
        return await getattr(wheel, name)(0)
    if name in (
        "claim",
        "expired",
        "held_slots",
        "free_slots",
        "open_epoch",
        "begin_rebuild",
        "restore_calls",
    ):
        return await getattr(wheel, name)(0, **told)
    return await getattr(wheel, name)(**told)


def _plain(answer: Any) -> Any:
    """Without the order in which several lanes were served."""
    if isinstance(answer, Claimed):
        return sorted((claim.lane_id, claim.loop_id, claim.due_at_ms) for claim in answer.claims)
    if isinstance(answer, list):
        return sorted(map(str, answer))
    return answer


def _wakes_late(real: Any, answer: Any) -> bool:
    """The wheel may wake a dialer too early, never later than the model knows of work."""
    if not isinstance(real, Claimed) or answer.wake_at_ms is None:
        return False
    return real.wake_at_ms is None or real.wake_at_ms > answer.wake_at_ms
