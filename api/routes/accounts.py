"""All accounts of the installation, for its operator: the account that was made first."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec import UNSET, structs

from api import views_settings
from api.editing import Edit, editing
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import Problem
from api.requests import ListQuery
from api.routes.account import read_zone
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_keys import AccountIn, AccountManage, ManagedAccount, NewAccount
from scheduler.flow.pause import Scope, pause
from scheduler.ledger import accounts
from scheduler.ledger.database import Row
from scheduler.ledger.keys import issue_key
from scheduler.ledger.tenancy import serving


@route("GET", "/v1/accounts", scope="admin")
async def list_accounts(call: Call, query: ListQuery) -> Reply[Page[ManagedAccount]]:
    """Every account, oldest first unless `order=desc`. The operator's keys only, as for all of these."""
    require_operator(call)
    database = call.deps.flow.database
    with serving(None):
        rows = await accounts.accounts_page(
            database,
            slice_of(call, query),
        )
        return await listed(
            call,
            query,
            [_shown(call, row) for row in rows],
            [row["account_id"] for row in rows],
            partial(accounts.count_accounts, database),
        )


@route("POST", "/v1/accounts", scope="admin")
async def create(call: Call, body: AccountIn) -> Reply[NewAccount]:
    """A new account with its first key, which may do everything in it and is in this answer alone."""
    require_operator(call)
    zone = read_zone(body.timezone, "/timezone")
    database = call.deps.flow.database
    with serving(None):
        async with editing(call) as edit:
            account_id = await accounts.create_account(
                database, name=body.name, timezone=zone, now_ms=edit.now_ms, on=edit.on
            )
            _, key = await issue_key(
                database,
                account_id=account_id,
                id_key=call.deps.id_key,
                simulated=True,
                name="first key",
                environment="test",
                scopes=("admin",),
                expires_at_ms=None,
                created_by="operator",
                now_ms=call.deps.clock.wall_ms(),
                on=edit.on,
            )
            await edit.tell("account_created", f"account:{account_id}", None, {"name": body.name})
            row = await accounts.account_row(database, account_id, edit.on)
    made = _shown(call, row, NewAccount, key=key)
    kept = structs.replace(made, key=None)
    headers = {"Location": f"/v1/accounts/{made.id}", **tagged(_shown(call, row))}
    return Reply(made, status=201, headers=headers, kept=kept)


@route("GET", "/v1/accounts/{id}", scope="admin")
async def show(call: Call) -> Reply[ManagedAccount]:
    """One account with its settings."""
    require_operator(call)
    with serving(None):
        return Reply(_shown(call, await accounts.account_row(call.deps.flow.database, call.id("acc"))))


@route("PATCH", "/v1/accounts/{id}", scope="admin")
async def change(call: Call, body: AccountManage) -> Reply[ManagedAccount]:
    """Its name, or whether it is suspended: then its keys are refused within five seconds and its dialing has
    stopped once this is answered."""
    require_operator(call)
    database, account_id = call.deps.flow.database, call.id("acc")
    with serving(None):
        async with editing(call) as edit:
            await _manage(call, edit, account_id, body)
        if body.suspended is True:
            await pause(
                call.deps.flow,
                call.deps.clock,
                Scope("account", account_id, account_id),
                reason="suspended by the operator",
                actor=call.actor,
                permit_s=call.deps.settings.permit_s,
            )
        return Reply(_shown(call, await accounts.account_row(database, account_id)))


@route("DELETE", "/v1/accounts/{id}", scope="admin")
async def remove(call: Call) -> Reply[None]:
    """Remove an account that has no leads, agents or opt-outs; its keys go with it."""
    require_operator(call)
    database, account_id = call.deps.flow.database, call.id("acc")
    with serving(None):
        async with editing(call) as edit:
            row = await accounts.account_row(database, account_id, edit.on)
            await accounts.delete_account(database, edit.on, account_id)
            await edit.tell("account_deleted", f"account:{account_id}", {"name": row["name"]}, None)
    return Reply(None, status=204)


async def _manage(call: Call, edit: Edit, account_id: int, body: AccountManage) -> None:
    database = call.deps.flow.database
    row = await accounts.account_row(database, account_id, edit.on)
    suspended = row["suspended_at"] is not None if body.suspended is UNSET else body.suspended
    if suspended and row["operator"]:
        raise Problem("state-conflict", "the operator's own account is never suspended")
    name = row["name"] if body.name is UNSET else body.name
    live = not row["simulated"] if body.live is UNSET else body.live
    if live and row["simulated"]:
        call.require_live_key("a test key makes no account live")
    await accounts.manage_account(
        database,
        edit.on,
        account_id,
        name=name,
        suspended=suspended,
        simulated=not live,
        now_ms=edit.now_ms,
    )
    before = {"name": row["name"], "suspended": row["suspended_at"] is not None, "live": not row["simulated"]}
    await edit.tell_change(
        "account_managed",
        f"account:{account_id}",
        before,
        {"name": name, "suspended": suspended, "live": live},
    )


def require_operator(call: Call) -> None:
    """Raises Problem 403."""
    if not call.caller.operator:
        raise Problem("scope-missing", "accounts are managed by the operator of this installation")


def _shown(call: Call, row: Row, as_: Any = ManagedAccount, **more: Any) -> Any:
    usual = structs.asdict(views_settings.account(row, call.ids))
    return as_(
        **usual,
        operator=row["operator"],
        suspended=row["suspended_at"] is not None,
        live=not row["simulated"],
        **more,
    )


ROUTES = (list_accounts, create, show, change, remove)
