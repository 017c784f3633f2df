"""An account's own templates of cadences."""

from __future__ import annotations

import msgspec

from scheduler.domain.cadence_form import CadenceForm
from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import ONE, Slice
from scheduler.ledger.refusals import refusing

NAME_TAKEN = "there is a template of that name already"


async def templates(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("template_page", account_id, None, *asked.values)


async def template(
    database: Database, account_id: int, template_id: int, on: Connection | None = None
) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("template_page", account_id, [template_id], *ONE.values, on=on)
    if row is None:
        raise NotFound("no such template")
    return row


async def create_template(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    name: str,
    description: str,
    content: CadenceForm,
    now_ms: Ms,
) -> int:
    """Raises Refused (`state-conflict`) when the name is taken."""
    with refusing(taken=NAME_TAKEN):
        row = await database.fetch_row(
            "template_create", account_id, name, description, _json(content), to_datetime(now_ms), on=on
        )
    assert row is not None
    return int(row["template_id"])


async def change_template(
    database: Database,
    on: Connection,
    row: Row,
    *,
    account_id: int,
    name: str,
    description: str,
    content: CadenceForm,
    now_ms: Ms,
) -> bool:
    """Change what was read as `row`; False when somebody did meanwhile. Raises as
    `create_template`."""
    with refusing(taken=NAME_TAKEN):
        changed = await database.fetch_row(
            "template_change",
            account_id,
            row["template_id"],
            row["version"],
            name,
            description,
            _json(content),
            to_datetime(now_ms),
            on=on,
        )
    return changed is not None


async def delete_template(database: Database, on: Connection, account_id: int, template_id: int) -> str:
    """Answers its name. Raises NotFound."""
    row = await database.fetch_row("template_delete", account_id, template_id, on=on)
    if row is None:
        raise NotFound("no such template")
    return str(row["name"])


def _json(form: CadenceForm) -> str:
    return msgspec.json.encode(form).decode()
