"""Cadences in the ledger: drafts that people edit, and immutable versions that loops run.

What is stored is a CadenceForm. Where a rule or the end names another cadence, and a step caller ids, their
numbers stand as text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from scheduler.domain.cadence_form import CadenceForm
from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import ONE, Created, Slice
from scheduler.ledger.refusals import refusing
from scheduler.ledger.step_times import StepTimes, times_after

NAME_TAKEN = "there is a cadence of that name already"

_LOCK = 0x63616465  # "cade": first half of the advisory lock, the second is the account


class References(msgspec.Struct, frozen=True):
    """Cadences by number, with name and status, and phones of caller ids by number: those that exist."""

    cadences: dict[int, tuple[str, str]]
    caller_ids: dict[int, str]


async def versions(
    database: Database, wanted: Collection[tuple[int, int]], on: Connection | None = None
) -> dict[tuple[int, int], bytes]:
    """The CadenceForm, as JSON, of each (cadence_id, version) that exists."""
    if not wanted:
        return {}
    numbers, versions = zip(*wanted, strict=True)
    rows = await database.fetch("cadence_versions", list(numbers), list(versions), on=on)
    return {(row["cadence_id"], row["version"]): row["content"].encode() for row in rows}


async def current(
    database: Database, account_id: int, cadence_id: int, on: Connection | None = None
) -> tuple[str, int | None] | None:
    """Status and latest version (None: never published); None when the account has no such cadence."""
    row = await database.fetch_row("cadence_current", account_id, cadence_id, on=on)
    return None if row is None else (row["status"], row["version"])


async def cadences(
    database: Database,
    account_id: int,
    asked: Slice,
    *,
    statuses: Sequence[str] | None,
) -> list[Row]:
    return await database.fetch("cadence_page", account_id, None, statuses, *asked.values)


async def count_cadences(
    database: Database, account_id: int, created: Created, *, statuses: Sequence[str] | None
) -> int:
    return await database.fetch_count("cadence_count", account_id, statuses, created)


async def cadence(database: Database, account_id: int, cadence_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("cadence_page", account_id, [cadence_id], None, *ONE.values, on=on)
    if row is None:
        raise NotFound("no such cadence")
    return row


async def active_loops(
    database: Database, cadence_ids: Collection[int], on: Connection | None = None
) -> dict[int, int]:
    """How many loops run each of these, in any version; those without are left out."""
    rows = await database.fetch("cadence_active_loops", list(cadence_ids), on=on)
    return {row["cadence_id"]: row["loops"] for row in rows}


async def lock_cadence(database: Database, on: Connection, account_id: int, cadence_id: int) -> Row:
    """It with the `content` of its latest version, until the transaction ends. Raises NotFound."""
    await database.execute("cadence_lock", account_id, cadence_id, on=on)
    row = await database.fetch_row("cadence_locked", account_id, cadence_id, on=on)
    if row is None:
        raise NotFound("no such cadence")
    return row


async def lock_cadences(database: Database, on: Connection, account_id: int) -> None:
    """Until the transaction ends nobody else publishes, archives or deletes a cadence of the account: none
    may go where another is just being led to."""
    await database.execute("cadence_lock_all", _LOCK, account_id, on=on)


async def create_cadence(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    name: str,
    description: str,
    draft: CadenceForm,
    now_ms: Ms,
) -> int:
    """A draft. Raises Refused (`state-conflict`) when the name is taken."""
    with refusing(taken=NAME_TAKEN):
        row = await database.fetch_row(
            "cadence_create",
            account_id,
            name,
            description,
            _json(draft),
            to_datetime(now_ms),
            times_after(CadenceForm(steps=[]), draft, StepTimes({}, (now_ms, now_ms)), now_ms).written(),
            on=on,
        )
    assert row is not None
    return int(row["cadence_id"])


async def change_cadence(
    database: Database,
    on: Connection,
    row: Row,
    *,
    account_id: int,
    name: str,
    description: str,
    draft: CadenceForm,
    times: StepTimes,
    now_ms: Ms,
) -> bool:
    """Change what `lock_cadence` gave as `row`; `times`: of the new draft. False for one that is archived.
    Raises Refused as `create_cadence`."""
    latest = (
        None if row["content"] is None else nameless(msgspec.json.decode(row["content"], type=CadenceForm))
    )
    with refusing(taken=NAME_TAKEN):
        changed = await database.fetch_row(
            "cadence_change",
            account_id,
            row["cadence_id"],
            row["draft_version"],
            name,
            description,
            _json(draft),
            latest != draft,
            to_datetime(now_ms),
            times.written(),
            on=on,
        )
    return changed is not None


async def apply_latest(
    database: Database, on: Connection, account_id: int, cadence_id: int, now_ms: Ms
) -> None:
    """No permit is given under an older version from now on: what is planned under one is planned anew."""
    await database.execute("cadence_apply", account_id, cadence_id, to_datetime(now_ms), on=on)


async def loops_behind(database: Database, on: Connection, cadence_id: int) -> tuple[int, int]:
    """How many of its loops wait, and how many run an older version than the one that is applied."""
    row = await database.fetch_row("cadence_waiting", cadence_id, on=on)
    return (0, 0) if row is None else (row["waiting"], row["behind"])


async def publish_cadence(
    database: Database, on: Connection, row: Row, *, account_id: int, note: str, by: str, now_ms: Ms
) -> int:
    """Make a version of the draft of what `lock_cadence` gave as `row`, which is not archived; answers its
    number."""
    version = (row["version"] or 0) + 1
    at = to_datetime(now_ms)
    content = msgspec.structs.replace(draft_of(row), name=row["name"], description=row["description"])
    values = (version, _json(content), note, by, at, row["step_times"])
    await database.execute("cadence_version_add", account_id, row["cadence_id"], *values, on=on)
    await database.execute("cadence_publish", account_id, row["cadence_id"], version, at, on=on)
    return int(version)


async def move_cadence(
    database: Database,
    on: Connection,
    account_id: int,
    cadence_id: int,
    *,
    leaving: Sequence[str],
    status: str,
    now_ms: Ms,
) -> bool:
    """To `status`; False when it is in none of the states that it may leave. Raises Refused
    (`state-conflict`) when its name was taken meanwhile."""
    with refusing(taken=NAME_TAKEN):
        moved = await database.fetch_row(
            "cadence_move", account_id, cadence_id, list(leaving), status, to_datetime(now_ms), on=on
        )
    return moved is not None


async def delete_cadence(database: Database, on: Connection, account_id: int, cadence_id: int) -> bool:
    """False when leads were enrolled in it. Raises Refused (`in-use`) when a batch is to follow it."""
    with refusing(taken="", in_use="a batch follows this cadence"):
        return await database.fetch_row("cadence_delete", account_id, cadence_id, on=on) is not None


async def count_versions(database: Database, account_id: int, cadence_id: int, created: Created) -> int:
    return await database.fetch_count("cadence_version_count", account_id, cadence_id, created)


async def versions_of(
    database: Database,
    account_id: int,
    cadence_id: int,
    asked: Slice = ONE,
    *,
    version: int | None = None,
    on: Connection | None = None,
) -> list[Row]:
    """A page of a cadence's versions, or the one that is given."""
    return await database.fetch("cadence_version_page", account_id, cadence_id, version, *asked.values, on=on)


async def references(
    database: Database,
    account_id: int,
    *,
    cadence_ids: Collection[int] = (),
    names: Collection[str] = (),
    caller_ids: Collection[int] = (),
    phones: Collection[str] = (),
    on: Connection | None = None,
) -> References:
    """What of these the account has; archived cadences are found by number alone."""
    known: dict[int, tuple[str, str]] = {}
    numbers: dict[int, str] = {}
    if cadence_ids or names:
        rows = await database.fetch("cadence_names", account_id, list(cadence_ids), list(names), on=on)
        known = {row["cadence_id"]: (row["name"], row["status"]) for row in rows}
    if caller_ids or phones:
        rows = await database.fetch("cadence_caller_ids", account_id, list(caller_ids), list(phones), on=on)
        numbers = {row["caller_id_id"]: row["phone"] for row in rows}
    return References(known, numbers)


async def check_free(database: Database, on: Connection, account_id: int, cadence_id: int) -> None:
    """Raises Refused (`in-use`) that names the cadences and agents which lead into it."""
    rows = await database.fetch("cadence_users", account_id, cadence_id, on=on)
    if rows:
        users = ", ".join(f"{row['kind']} “{row['name'][:60]}”" for row in rows)
        raise Refused("in-use", "others lead into this cadence", users, "have them lead elsewhere first")


async def free_name(
    database: Database, on: Connection, account_id: int, name: str, *, copied: bool = False
) -> str:
    """`name`, or with `copy`, `copy 2` and so on behind it: the first that is free. `copied`: of a cadence
    that may want its own name back, out of the archive."""
    rows = await database.fetch("cadence_names_like", account_id, name[:190], on=on)
    taken = {row["name"] for row in rows} | ({name} if copied else set())
    found, turn = name, 1
    while found in taken:
        found, turn = f"{name[:190]} copy" + (f" {turn}" if turn > 1 else ""), turn + 1
    return found


async def number_steps(database: Database, on: Connection, form: CadenceForm) -> None:
    """Give every step without a number one."""
    new = [step for step in form.steps if not step.id]
    if new:
        rows = await database.fetch("cadence_step_ids", len(new), on=on)
        for step, row in zip(new, rows, strict=True):
            step.id = row["step_id"]


def draft_of(row: Row) -> CadenceForm:
    """The draft of a cadence's row. Its name and description are the row's own."""
    return msgspec.json.decode(row["draft"], type=CadenceForm)


def nameless(form: CadenceForm) -> CadenceForm:
    """As a draft is kept: name and description are the cadence's, whatever the draft says."""
    return msgspec.structs.replace(form, name="", description="")


def _json(form: CadenceForm) -> str:
    return msgspec.json.encode(form).decode()
