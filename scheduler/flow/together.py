"""Leads that come one by one, enrolled together: who comes while a group is being written is in the next.

Alone, nobody waits; under load a commit, a placing and a reading serve a whole group. Each answer is its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import LedgerRefused
from scheduler.flow.context import Flow
from scheduler.flow.enrol import enrol
from scheduler.flow.enrolment import DUPLICATE, Enrolled
from scheduler.flow.entries import Entry
from scheduler.flow.terms import Target
from scheduler.ledger import reads
from scheduler.ledger.database import Row

MOST = 100
"""Leads of a group: more would make the first of them wait for the last."""


class Taken(msgspec.Struct, frozen=True):
    """What became of one entry; `lead` as it is then, where it came in."""

    enrolled: Enrolled
    lead: Row | None = None


class _Asked(msgspec.Struct):
    entry: Entry
    now_ms: Ms
    taken: asyncio.Future[Taken]


class Together:
    """Of one process. Targets do not wait for each other."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._asked: dict[Target, deque[_Asked]] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def enrol(self, target: Target, entry: Entry, now_ms: Ms) -> Taken:
        """Enrol one lead. Raises as `flow.enrol.enrol` does, also for the others of a group that the ledger
        could not take at all. To be called while the target's account is served."""
        while True:
            asked = _Asked(entry, now_ms, asyncio.get_running_loop().create_future())
            waiting = self._asked.get(target)
            if waiting is None:
                self._asked[target] = deque([asked])
                task = asyncio.create_task(self._write(target))
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)
            else:
                waiting.append(asked)
            taken = await asked.taken
            if taken.enrolled.action != DUPLICATE.action:  # else somebody of the group was first with it
                return taken

    async def _write(self, target: Target) -> None:
        waiting = self._asked[target]
        try:
            while waiting:
                group = [waiting.popleft() for _ in range(min(len(waiting), MOST))]
                await self._take(target, [asked for asked in group if not asked.taken.done()])
        finally:
            del self._asked[target]
            for asked in waiting:  # the process stops
                asked.taken.cancel()

    async def _take(self, target: Target, group: Sequence[_Asked]) -> None:
        """Answer each of them, whatever happens."""
        try:
            taken = await self._enrol(target, group) if group else []
        except LedgerRefused as error:
            if len(group) == 1:
                _fail(group, error)
            else:
                for asked in group:
                    await self._take(target, [asked])
        except Exception as error:
            _fail(group, error)
        except asyncio.CancelledError:
            for asked in group:
                asked.taken.cancel()
            raise
        else:
            for asked, one in zip(group, taken, strict=True):
                if not asked.taken.done():
                    asked.taken.set_result(one)

    async def _enrol(self, target: Target, group: Sequence[_Asked]) -> list[Taken]:
        results = await enrol(
            self._flow,
            account_id=target.account_id,
            agent_id=target.agent_id,
            batch_id=target.batch_id or None,
            cadence_id=target.cadence_id,
            entries=[asked.entry for asked in group],
            now_ms=group[-1].now_ms,
        )
        ids = [result.lead_id for result in results if result.lead_id is not None]
        rows = await reads.leads(self._flow.database, target.account_id, ids)
        by_id = {row["lead_id"]: row for row in rows}
        return [
            Taken(result, None if result.lead_id is None else by_id.get(result.lead_id)) for result in results
        ]


def _fail(group: Sequence[_Asked], error: Exception) -> None:
    for asked in group:
        if not asked.taken.done():
            asked.taken.set_exception(error)
