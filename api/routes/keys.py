"""API keys of the account: made, changed, rotated and revoked by who holds `admin`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from msgspec import UNSET

from api.editing import editing
from api.instants import sensible, utc, utc_or_none
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import Problem, invalid
from api.requests import ListQuery
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_keys import Key, KeyChange, KeyIn, NewKey, RotateIn
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger import accounts, keys, reads
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms, to_ms_or_none


@route("GET", "/v1/api-keys", scope="admin")
async def list_keys(call: Call, query: ListQuery) -> Reply[Page[Key]]:
    """The account's keys, revoked ones too, oldest first unless `order=desc`; never their secrets."""
    rows = await keys.keys_page(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
    )
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "api_key")
    return await listed(
        call, query, [_shown(call, row) for row in rows], [row["number"] for row in rows], count
    )


@route("POST", "/v1/api-keys", scope="admin")
async def create(call: Call, body: KeyIn) -> Reply[NewKey]:
    """A new key; its secret is in this answer and nowhere else."""
    expires_at_ms = None if body.expires_at is None else _end(call, body.expires_at)
    made = await _issue(call, body.name, body.environment, list(body.scopes), expires_at_ms)
    return _new(made)


@route("GET", "/v1/api-keys/{id}", scope="admin")
async def show(call: Call) -> Reply[Key]:
    """One key, without its secret."""
    return Reply(_shown(call, await keys.key_row(call.deps.flow.database, call.account_id, call.id("key"))))


@route("PATCH", "/v1/api-keys/{id}", scope="admin")
async def change(call: Call, body: KeyChange) -> Reply[Key]:
    """Its name, scopes or end; in force everywhere within five seconds."""
    database, number = call.deps.flow.database, call.id("key")
    async with editing(call) as edit:
        now_ms = call.deps.clock.wall_ms()
        others = await keys.lock_keys(database, call.account_id, number, now_ms, edit.on)
        row = await keys.key_row(database, call.account_id, number, edit.on)
        scopes = row["scopes"] if body.scopes is UNSET else list(body.scopes)
        expires_at_ms = to_ms_or_none(row["expires_at"])
        if body.expires_at is None:
            expires_at_ms = None
        elif body.expires_at is not UNSET and to_ms(body.expires_at) != expires_at_ms:
            expires_at_ms = _end(call, body.expires_at)
        if "admin" in row["scopes"] and ("admin" not in scopes or expires_at_ms is not None):
            _keep_an_admin(others)
        name = row["name"] if body.name is UNSET else body.name
        await keys.change_key(
            database,
            edit.on,
            call.account_id,
            number,
            name=name,
            scopes=scopes,
            expires_at_ms=expires_at_ms,
            now_ms=now_ms,
        )
        after = await keys.key_row(database, call.account_id, number, edit.on)
        await edit.tell_change("key_changed", f"key:{number}", _facts(row), _facts(after))
    return Reply(_shown(call, await keys.key_row(database, call.account_id, number)))


@route("DELETE", "/v1/api-keys/{id}", scope="admin")
async def revoke(call: Call) -> Reply[None]:
    """Revoke it; every process refuses it within five seconds. The last one that may do everything stays."""
    database, number = call.deps.flow.database, call.id("key")
    async with editing(call) as edit:
        now_ms = call.deps.clock.wall_ms()
        others = await keys.lock_keys(database, call.account_id, number, now_ms, edit.on)
        row = await keys.key_row(database, call.account_id, number, edit.on)
        if row["revoked_at"] is None:
            if "admin" in row["scopes"]:
                _keep_an_admin(others)
            await keys.revoke_key(database, call.account_id, row["key_id"], now_ms, edit.on)
            await edit.tell("key_revoked", f"key:{number}", _facts(row), None)
    return Reply(None, status=204)


@route("POST", "/v1/api-keys/{id}/rotate", scope="admin", answers=(201,))
async def rotate(call: Call, body: RotateIn) -> Reply[NewKey]:
    """A new key like this one, which ends by itself `grace_s` later: both hold until then."""
    database, number = call.deps.flow.database, call.id("key")
    row = await keys.key_row(database, call.account_id, number)
    now_ms = call.deps.clock.wall_ms()
    if row["revoked_at"] is not None or (to_ms_or_none(row["expires_at"]) or now_ms + 1) <= now_ms:
        raise Problem("state-conflict", "the key holds no longer", hint="make a new one")
    made = await _issue(
        call,
        row["name"],
        row["environment"],
        row["scopes"],
        to_ms_or_none(row["expires_at"]),
        row,
        body.grace_s,
    )
    return _new(made)


def _end(call: Call, at: datetime) -> Ms:
    """Raises Problem 422 for an instant that has passed, or that nobody means."""
    if not sensible(at):
        raise invalid("/expires_at", "out-of-range", "an instant between the years 2000 and 2200")
    if to_ms(at) <= call.deps.clock.wall_ms():
        hint = "write a later instant; DELETE ends a key at once"
        raise invalid("/expires_at", "out-of-range", "this instant has passed", hint=hint)
    return to_ms(at)


async def _issue(
    call: Call,
    name: str,
    environment: str,
    scopes: list[str],
    expires_at_ms: Ms | None,
    replaces: Row | None = None,
    grace_s: int = 0,
) -> NewKey:
    if environment == "live":
        call.require_live_key("a test key makes test keys alone")
    database = call.deps.flow.database
    account = await accounts.account_row(database, call.account_id)
    now_ms = call.deps.clock.wall_ms()
    async with editing(call) as edit:
        number, secret = await keys.issue_key(
            database,
            account_id=call.account_id,
            id_key=call.deps.id_key,
            simulated=account["simulated"],
            name=name,
            environment=environment,
            scopes=scopes,
            expires_at_ms=expires_at_ms,
            created_by=call.actor.name,
            now_ms=now_ms,
            on=edit.on,
        )
        row = await keys.key_row(database, call.account_id, number, edit.on)
        await edit.tell("key_created", f"key:{number}", None, _facts(row))
        if replaces is not None:
            ends_ms = now_ms + grace_s * SECOND
            ends_ms = min(ends_ms, to_ms_or_none(replaces["expires_at"]) or ends_ms)
            await keys.change_key(
                database,
                edit.on,
                call.account_id,
                replaces["number"],
                name=replaces["name"],
                scopes=replaces["scopes"],
                expires_at_ms=ends_ms,
                now_ms=now_ms,
            )
            old = await keys.key_row(database, call.account_id, replaces["number"], edit.on)
            await edit.tell("key_rotated", f"key:{replaces['number']}", _facts(replaces), _facts(old))
    return _shown(call, row, NewKey, secret=secret)


def _keep_an_admin(others: int) -> None:
    if not others:
        raise Problem(
            "in-use",
            "this is the account's last key that may do everything",
            hint="make another one with the scope admin first",
        )


def _new(made: NewKey) -> Reply[NewKey]:
    kept = NewKey(**{name: getattr(made, name) for name in made.__struct_fields__} | {"secret": None})
    shown = Key(**{name: getattr(made, name) for name in Key.__struct_fields__})
    headers = {"Location": f"/v1/api-keys/{made.id}", **tagged(shown)}
    return Reply(made, status=201, headers=headers, kept=kept)


def _shown(call: Call, row: Row, as_: Any = Key, **more: Any) -> Any:
    return as_(
        id=call.ids.write("key", row["number"]),
        object="api_key",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        prefix=f"dw_{row['environment']}_{row['key_id']}",
        environment=row["environment"],
        scopes=row["scopes"],
        created_by=row["created_by"],
        expires_at=utc_or_none(row["expires_at"]),
        revoked_at=utc_or_none(row["revoked_at"]),
        last_used_at=utc_or_none(row["last_used_at"]),
        **more,
    )


def _facts(row: Row) -> dict[str, Any]:
    """What the audit log tells of a key."""
    facts = {name: row[name] for name in ("name", "key_id", "environment", "scopes")}
    return {**facts, "expires_at": utc_or_none(row["expires_at"])}


ROUTES = (list_keys, create, show, change, revoke, rotate)
