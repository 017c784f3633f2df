"""Imports in the ledger: the batch, the file's progress, and its rejected rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime

_encode = msgspec.json.Encoder().encode


class Counts(msgspec.Struct):
    """What became of rows; they always add up: `rows` is the sum of the others."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    suppressed: int = 0
    rejected: int = 0

    def count(self, action: str) -> None:
        self.rows += 1
        setattr(self, action, getattr(self, action) + 1)

    def add(self, other: Counts) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Reject(msgspec.Struct, frozen=True):
    """A row that did not come in: its first line in the file, why, and its cells as they came."""

    row: int
    column: str
    code: str
    detail: str
    cells: list[str]


class Begun(msgspec.Struct, frozen=True):
    """An import and its batch. `rows_before`: what other files brought the batch; `throttle_before` and
    `throttle`: its pace before and now, as stored."""

    import_id: int
    batch_id: int
    rows_before: int
    throttle_before: str
    throttle: str


async def begin_import(
    database: Database,
    *,
    account_id: int,
    agent_id: int,
    batch: str,
    priority: str,
    throttle: str,
    columns: Sequence[str],
    now_ms: Ms,
    cadence_id: int | None = None,
) -> Begun:
    """Open the batch of that name, made if it is new, and a new import. `throttle`: JSON of what is stated of
    the batch's pace, which holds from now on; so does a `cadence_id`.

    Raises Refused when the batch is canceled or belongs to another agent.
    """
    now = to_datetime(now_ms)
    async with database.transaction() as on:
        row = await database.fetch_row(
            "import_batch", account_id, agent_id, batch, priority, throttle, now, cadence_id, on=on
        )
        assert row is not None
        if row["agent_id"] != agent_id:
            raise Refused(
                "state-conflict",
                "the batch belongs to another agent",
                "all leads of a batch are called by one agent",
                "choose another batch name, or that agent",
            )
        if row["status"] == "canceled":
            raise Refused(
                "state-conflict",
                "the batch is canceled",
                "nothing of it is called any more",
                "choose another batch name",
            )
        begun = await database.fetch_row(
            "import_begin", account_id, row["batch_id"], list(columns), now, on=on
        )
        assert begun is not None
        return Begun(
            begun["import_id"],
            row["batch_id"],
            row["rows_before"],
            row["throttle_before"] or row["throttle"],
            row["throttle"],
        )


async def advance_import(
    database: Database,
    import_id: int,
    counts: Counts,
    rejects: Sequence[Reject],
    bytes_so_far: int,
    on: Connection,
) -> None:
    """Count a chunk and keep its rejected rows, in the transaction that writes the others."""
    await database.execute(
        "import_advance",
        import_id,
        bytes_so_far,
        counts.rows,
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.duplicate,
        counts.suppressed,
        counts.rejected,
        on=on,
    )
    if rejects:
        await database.execute(
            "import_keep_rejects",
            import_id,
            [reject.row for reject in rejects],
            [reject.column for reject in rejects],
            [reject.code for reject in rejects],
            [reject.detail for reject in rejects],
            [_encode(reject.cells).decode() for reject in rejects],
            on=on,
        )


async def end_import(
    database: Database, import_id: int, status: str, *, bytes_received: int, now_ms: Ms
) -> None:
    """`status`: done, or failed when the file broke off. Doing it twice changes nothing."""
    await database.execute("import_end", import_id, status, bytes_received, to_datetime(now_ms))
