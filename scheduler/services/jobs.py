"""Jobs done: leased, worked on a piece at a time, and gone on with after a crash."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.ledger.database import Connection
from scheduler.ledger.jobs import Taken, advance_job, finish_job, put_job_back, take_job
from scheduler.settings import Settings

log = structlog.get_logger()

MOST_TRIES = 3
"""A job that was taken so often without getting on has failed."""

AGAIN_MS: Ms = 5 * SECOND
"""What went wrong is tried again after this, by whoever is free."""


class JobOver(Exception):
    """The job was canceled, or another process has taken it: its handler stops where it is."""


class JobFailed(Exception):
    """The job has failed for the reason that is said, in words of ours: to try again is of no use."""


class Work:
    """One job under way, as its handler sees it: `args` say what to do, `cursor` where to go on (None: at
    the beginning), `done` how much was done by then."""

    def __init__(self, flow: Flow, clock: Clock, settings: Settings, taken: Taken) -> None:
        self.clock = clock
        self.settings = settings
        self.job_id = taken.job_id
        self.account_id = taken.account_id
        self.args = taken.args
        self.cursor: Any = taken.cursor
        self.done = taken.done
        self.total = taken.total
        self._takes = taken.takes
        self._flow = flow

    async def advance(
        self, done: int, *, cursor: Any = None, total: int | None = None, on: Connection | None = None
    ) -> None:
        """A piece is done: `done` so far, of `total` where that is known, to be gone on with at `cursor`
        (what JSON can hold). Renews the lease: call it several times in `job_lease_s`. With `on` it counts
        when that transaction does, so that a piece and its cursor are kept together.

        Raises JobOver, which is not for the handler to catch.
        """
        ours = await advance_job(
            self._flow.database,
            self.job_id,
            self._takes,
            done=done,
            total=total,
            cursor=cursor,
            leased_until_ms=self.clock.wall_ms() + int(self.settings.job_lease_s * SECOND),
            now_ms=self.clock.now_ms(),
            on=on,
        )
        if not ours:
            raise JobOver
        self.done, self.cursor = done, self.cursor if cursor is None else cursor
        self.total = self.total if total is None else total


Handler: TypeAlias = Callable[[Flow, Work], Awaitable[None]]
"""Does one kind of job. What it raises is its failure: a DialwheelError's own words are shown."""


class Jobs:
    """Takes one job after the other until none is left. Several, here and elsewhere, share the work."""

    period_s = 1.0

    def __init__(
        self, flow: Flow, clock: Clock, settings: Settings, kinds: Mapping[str, Handler], *, number: int = 1
    ) -> None:
        self.name = f"jobs-{number}"
        self._flow = flow
        self._clock = clock
        self._settings = settings
        self._kinds = kinds

    async def step(self, now_ms: Ms) -> None:
        while taken := await take_job(
            self._flow.database,
            list(self._kinds),
            wall_ms=self._clock.wall_ms(),
            lease_ms=int(self._settings.job_lease_s * SECOND),
            now_ms=now_ms,
        ):
            await self._do(taken)
            now_ms = self._clock.now_ms()

    async def _do(self, taken: Taken) -> None:
        told = log.bind(job_id=taken.job_id, kind=taken.kind, account_id=taken.account_id)
        if taken.tries > MOST_TRIES:
            await self._finish(taken, "failed", "it was begun again and again and never got on")
            told.error("job_failed", tries=taken.tries)
            return
        try:
            await self._kinds[taken.kind](self._flow, Work(self._flow, self._clock, self._settings, taken))
        except JobOver:
            told.info("job_left")
            return
        except asyncio.CancelledError:  # this process stops: another goes on at once
            with contextlib.suppress(Exception):
                await asyncio.shield(self._put_back(taken, None, 0, forgiven=True))
            raise
        except ServerUnavailable as error:
            await self._put_back(taken, error.what, AGAIN_MS, forgiven=True)
            raise
        except JobFailed as error:
            await self._finish(taken, "failed", str(error))
            told.info("job_refused", why=str(error))
            return
        except Exception as error:
            why = _words(error)
            told.error("job_broke_off", why=why, tries=taken.tries)
            if taken.tries >= MOST_TRIES:
                await self._finish(taken, "failed", why)
            else:
                await self._put_back(taken, why, AGAIN_MS, forgiven=False)
            return
        await self._finish(taken, "done", None)
        told.info("job_done")

    async def _finish(self, taken: Taken, status: str, error: str | None) -> None:
        now_ms = self._clock.now_ms()
        await finish_job(self._flow.database, taken.job_id, taken.takes, status, error, now_ms)

    async def _put_back(self, taken: Taken, error: str | None, wait_ms: Ms, *, forgiven: bool) -> None:
        await put_job_back(
            self._flow.database,
            taken.job_id,
            taken.takes,
            error=error,
            not_before_ms=self._clock.wall_ms() + wait_ms,
            forgiven=forgiven,
            now_ms=self._clock.now_ms(),
        )


def _words(error: Exception) -> str:
    """What is shown of an error: our own words, of others only the kind, since their text may hold data."""
    if isinstance(error, DialwheelError):
        return f"{error.what}: {error.why}" if error.why else error.what
    return f"an error of ours ({type(error).__name__})"
