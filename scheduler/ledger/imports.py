"""Imports in the ledger: the batch, the file's progress, and its rejected rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import Created, Slice

OURSELVES = Actor("dialwheel")
"""Who brings files in that nobody sent: the demo's."""

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


class Expected(msgspec.Struct, frozen=True):
    """A batch that a file would go on with. `throttle`: as stored; `rows_before`: of other files."""

    batch_id: int
    agent_id: int
    status: str
    throttle: str
    rows_before: int


async def expected_batch(database: Database, account_id: int, name: str) -> Expected | None:
    """None where there is no batch of that name."""
    row = await database.fetch_row("import_expected", account_id, name)
    return None if row is None else Expected(**row)


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
    size: int | None = None,
    terms: str | None = None,
    actor: Actor = OURSELVES,
) -> Begun:
    """Open the batch of that name, made if it is new, and a new import. `throttle`: JSON of what is stated of
    the batch's pace, which holds from now on; so does a `cadence_id`. `size`: bytes of the file, where known;
    `terms`: JSON of how it is read, for one that comes in parts.

    Raises Refused when the batch is canceled or belongs to another agent.
    """
    now = to_datetime(now_ms)
    async with database.transaction() as on:
        row = await database.fetch_row(
            "import_batch", account_id, agent_id, batch, priority, throttle, now, cadence_id, on=on
        )
        assert row is not None
        check_batch(row["agent_id"], row["status"], agent_id)
        begun = await database.fetch_row(
            "import_begin", account_id, row["batch_id"], list(columns), now, size, terms, on=on
        )
        assert begun is not None
        await write_audit(
            database,
            on,
            account_id=account_id,
            actor=actor,
            action="import_begun",
            object_=f"import:{begun['import_id']}",
            before=None,
            after={"batch_id": row["batch_id"], "agent_id": agent_id},
            now_ms=now_ms,
        )
        return Begun(
            begun["import_id"],
            row["batch_id"],
            row["rows_before"],
            row["throttle_before"] or row["throttle"],
            row["throttle"],
        )


def check_batch(batch_agent_id: int, status: str, agent_id: int) -> None:
    """Raises Refused when a batch takes in no leads for that agent."""
    if batch_agent_id != agent_id:
        raise Refused(
            "state-conflict",
            "the batch belongs to another agent",
            "all leads of a batch are called by one agent",
            "choose another batch name, or that agent",
        )
    if status == "canceled":
        raise Refused(
            "state-conflict",
            "the batch is canceled",
            "nothing of it is called any more",
            "choose another batch name",
        )


async def advance_import(
    database: Database,
    import_id: int,
    counts: Counts,
    rejects: Sequence[Reject],
    bytes_so_far: int,
    on: Connection,
) -> None:
    """Count a chunk and keep its rejected rows, in the transaction that writes the others.

    Raises Refused (`state-conflict`) when the import is over: nothing more of it may come in.
    """
    goes_on = await database.fetch_row(
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
    if goes_on is None:
        raise over()
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


def over() -> Refused:
    return Refused(
        "state-conflict",
        "the import is over",
        "it was canceled, or given up because nothing came",
        "send the file again: rows that are in add nothing",
    )


async def end_import(
    database: Database,
    import_id: int,
    status: str,
    *,
    bytes_received: int,
    now_ms: Ms,
    trouble: str | None = None,
    resume_row: int | None = None,
    on: Connection | None = None,
) -> Row | None:
    """`status`: done, canceled, or failed when `trouble` broke it off. Answers what it was; None when it was
    over before, which stays as it is."""
    now = to_datetime(now_ms)
    return await database.fetch_row(
        "import_end", import_id, status, bytes_received, now, trouble, resume_row, on=on
    )


async def import_status(database: Database, import_id: int) -> str:
    row = await database.fetch_row("import_status", import_id)
    assert row is not None
    return str(row["status"])


class ImportFilter(msgspec.Struct, frozen=True):
    """None: any."""

    statuses: list[str] | None = None
    batch_ids: list[int] | None = None


async def page_of_imports(
    database: Database,
    account_id: int,
    asked: Slice,
    narrow: ImportFilter,
) -> list[Row]:
    values = msgspec.structs.astuple(narrow)
    return await database.fetch("read_import", account_id, None, *asked.values, *values)


async def count_imports(database: Database, account_id: int, narrow: ImportFilter, created: Created) -> int:
    return await database.fetch_count("import_count", account_id, *msgspec.structs.astuple(narrow), created)
