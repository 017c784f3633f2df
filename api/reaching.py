"""Changes that reach many calls: told beforehand, in force when answered, shown everywhere soon after.

A change raises the policy version of the agents that it concerns, so that the arm refuses what was planned
before it; it is answered when every permit from before it is void. What it does to the calls that wait is
counted meanwhile, and a job plans them anew in the background.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from api.editing import Edit, editing, in_force
from api.routes.jobs import shown_job
from api.routing import Call
from api.schemas_impact import Impact
from api.schemas_jobs import Job
from scheduler.domain.time import MINUTE, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.impact import NOBODY, measure
from scheduler.flow.policies import AgentPolicy
from scheduler.flow.recalculate import KIND
from scheduler.ledger.dialing_settings import raise_versions
from scheduler.ledger.jobs import create_job, release_job

log = structlog.get_logger()

T = TypeVar("T")
S = TypeVar("S")

HELD_MS: Ms = MINUTE
"""A job waits so long to be released: until the change's impact is counted, or its process is gone."""


UNKNOWN = Impact(0, 0, 0, 0, 0, True)
"""Of a change that is in force, while the ledger had no time to count what it moves."""


@dataclass(frozen=True)
class Changed(Generic[T]):
    """What a change did in its transaction. `shown`: the object as it is then. `agents`: whose calls it
    moves, None for all of the account. `waits`: whether calls by permits from before it must be over."""

    shown: T
    agents: Collection[int] | None = ()
    waits: bool = False


@dataclass(frozen=True)
class Reached(Generic[T]):
    shown: T
    impact: Impact
    job: Job | None


class _Rehearsed(Exception):
    """Ends the transaction of a dry run: it leaves nothing behind."""


async def reach(
    call: Call,
    change: Callable[[Edit], Awaitable[Changed[T]]],
    *,
    dry_run: bool,
    shape: Callable[[Edit], Awaitable[None]] | None = None,
) -> Reached[T]:
    """Make the change, or rehearse it: the same transaction, taken back at its end.

    `shape`: what the wheel is to know of it, beside open hours, which the job brings.
    """
    flow, database = call.deps.flow, call.deps.flow.database
    agents: dict[int, AgentPolicy] = {}
    job_id = None
    try:
        async with editing(call) as edit:
            changed = await change(edit)
            if changed.agents is None or changed.agents:
                ids = await raise_versions(database, edit.on, call.account_id, changed.agents)
                agents = await flow.policies.read(ids, edit.on)
            if dry_run:
                raise _Rehearsed
            if agents:
                job_id = await create_job(
                    database,
                    account_id=call.account_id,
                    kind=KIND,
                    args={"agent_ids": sorted(agents)},
                    now_ms=edit.now_ms,
                    not_before_ms=call.deps.clock.wall_ms() + HELD_MS,
                    on=edit.on,
                )
    except _Rehearsed:
        return Reached(changed.shown, await _impact(call, agents), None)
    impact = UNKNOWN
    try:
        impact = await _impact(call, agents)
    except DialwheelError as error:  # the change is made: that is what has to be answered
        log.warning("impact_not_counted", why=error.what)
    finally:
        if job_id is not None:
            await _release(call, job_id)
        if agents or changed.waits:
            await in_force(call, edit, _shape(edit, shape))
    job = None if job_id is None else await shown_job(call, job_id)
    return Reached(changed.shown, impact, job)


async def _impact(call: Call, agents: dict[int, AgentPolicy]) -> Impact:
    if not agents:
        found = NOBODY
    else:
        found = await measure(
            call.deps.flow,
            call.account_id,
            agents,
            call.deps.clock.now_ms(),
            most=call.deps.settings.impact_loops,
        )
    return Impact(found.earlier, found.later, found.unchanged, found.out, found.examined, found.estimated)


async def _release(call: Call, job_id: int) -> None:
    try:
        await release_job(call.deps.flow.database, job_id)
    except DialwheelError as error:  # it is taken a minute later
        log.warning("job_not_released", job_id=job_id, why=error.what)


async def _shape(edit: Edit, shape: Callable[[Edit], Awaitable[None]] | None) -> None:
    if shape is not None:
        await shape(edit)


def extended(type_: Callable[..., S], reached: Reached[Any]) -> S:
    """The object with what its change does, as one answer; `type_` has the object's fields and these two."""
    fields = {name: getattr(reached.shown, name) for name in reached.shown.__struct_fields__}
    return type_(**fields, impact=reached.impact, job=reached.job)
