"""Changes that people make over HTTP: one transaction with its line in the audit log, then the wheel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog

from api.routing import Call
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.pause import until_permits_are_void
from scheduler.ledger.audit import write_audit
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.news import tell

log = structlog.get_logger()


EVENTS = {
    "agent_changed": "agent.updated",
    "cadence_published": "cadence.published",
    "cadence_archived": "cadence.archived",
}
"""Changes, as the audit log names them, of which those hear who listen to events."""


class Unchanged(Exception):
    """What was sent is what is there already: the transaction leaves no trace."""


class Edit:
    """The transaction `on`, begun at `now_ms` of the Clock."""

    def __init__(self, call: Call, on: Connection, now_ms: Ms) -> None:
        self.on = on
        self.now_ms = now_ms
        self.committed_s = 0.0  # monotonic
        self._call = call

    async def tell(
        self, action: str, object_: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        """A line of the audit log, as `write_audit` takes it; and an event, where the change is one."""
        await write_audit(
            self._call.deps.flow.database,
            self.on,
            account_id=self._call.account_id,
            actor=self._call.actor,
            action=action,
            object_=object_,
            before=before,
            after=after,
            now_ms=self.now_ms,
        )
        if action in EVENTS:
            await tell(
                self._call.deps.flow.database,
                EVENTS[action],
                self._call.account_id,
                ids=[int(object_.partition(":")[2])],
                at_ms=self.now_ms,
                on=self.on,
            )

    async def tell_change(
        self, action: str, object_: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        """The same of a change by which something may differ; the end of the edit where nothing does."""
        if before == after:
            raise Unchanged
        await self.tell(action, object_, before, after)


@asynccontextmanager
async def editing(call: Call) -> AsyncIterator[Edit]:
    """One transaction; what it raises leaves nothing behind. It ends early where nothing differs: that may be
    so since a moment ago, when it was said the first time."""
    with suppress(Unchanged):
        async with call.deps.flow.database.transaction() as on:
            edit = Edit(call, on, call.deps.clock.now_ms())
            yield edit
    edit.committed_s = call.deps.clock.monotonic_s()


async def in_force(call: Call, edit: Edit, shaping: Awaitable[None]) -> None:
    """Tell the wheel at once, and return when no call can leave any more by a permit from before the change.

    With the wheel away the change holds all the same: the arm asks the ledger, and the wheel is shaped when
    it is back.
    """
    try:
        await shaping
    except DialwheelError as error:
        log.warning("wheel_not_shaped", why=error.what)
    await until_permits_are_void(call.deps.clock, edit.committed_s, call.deps.settings.permit_s)


async def off_the_wheel(call: Call, gate: str) -> None:
    """Take a gate off that is gone from the ledger. With the wheel away it stays there, and lets nobody
    through: no lane names it."""
    wheel = call.deps.flow.wheel
    try:
        await wheel.drop_gates(call.account_id % wheel.shards, [gate])
    except DialwheelError as error:
        log.warning("gate_not_dropped", gate=gate, why=error.what)


def given(body: msgspec.Struct) -> dict[str, Any]:
    """The fields that a PATCH names."""
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not msgspec.UNSET}


def parts(row: Row, names: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that a change names, as they were."""
    return {name: row[name] for name in names}
