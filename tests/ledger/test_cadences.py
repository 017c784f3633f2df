"""Published versions as loops ask for them."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest

from scheduler.domain.cadence_form import CadenceForm, StepForm
from scheduler.ledger.accounts import create_account
from scheduler.ledger.cadences import current, versions
from scheduler.ledger.database import Database

NOW_MS = 1_781_632_800_000
FORM = CadenceForm(name="Five", steps=[StepForm(id=7, name="First")])


async def a_cadence(database: Database, account_id: int, version: int | None) -> int:
    content = msgspec.json.encode(FORM).decode()
    async with database.transaction() as on:
        cadence_id = await on.fetchval(
            "INSERT INTO cadence (account_id, name, draft, created_at, updated_at)"
            " VALUES ($1, 'Five', $2, now(), now()) RETURNING cadence_id",
            account_id,
            content,
        )
        if version is not None:
            await on.execute(
                "INSERT INTO cadence_version"
                " (account_id, cadence_id, version, content, published_by, published_at)"
                " VALUES ($1, $2, $3, $4, 'test', now())",
                account_id,
                cadence_id,
                version,
                content,
            )
            await on.execute(
                "UPDATE cadence SET status = 'active', version = $2 WHERE cadence_id = $1",
                cadence_id,
                version,
            )
    return int(cadence_id)


async def test_versions_that_exist_are_answered_as_forms_and_others_left_out(database: Database):
    account_id = await create_account(database, name="Acme", now_ms=NOW_MS)
    cadence_id = await a_cadence(database, account_id, 1)

    found = await versions(database, [(cadence_id, 1), (cadence_id, 2), (cadence_id + 1, 1)])

    assert list(found) == [(cadence_id, 1)]
    assert msgspec.json.decode(found[cadence_id, 1], type=CadenceForm) == FORM
    assert await versions(database, []) == {}


async def test_a_cadence_is_known_in_its_own_account_only(database: Database):
    account_id = await create_account(database, name="Acme", now_ms=NOW_MS)
    other_id = await create_account(database, name="Other", now_ms=NOW_MS)
    cadence_id = await a_cadence(database, account_id, None)

    assert await current(database, account_id, cadence_id) == ("draft", None)
    assert await current(database, other_id, cadence_id) is None


async def test_what_is_active_has_a_version(database: Database):
    account_id = await create_account(database, name="Acme", now_ms=NOW_MS)
    cadence_id = await a_cadence(database, account_id, None)

    async with database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE cadence SET status = 'active' WHERE cadence_id = $1", cadence_id)
