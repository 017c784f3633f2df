"""Webhooks: addresses of an account's own to which its events are sent, and what became of each request."""

from __future__ import annotations

import base64
import secrets
from difflib import get_close_matches
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from api.editing import Edit, editing, given, parts
from api.instants import sensible, utc, utc_or_none
from api.live.event_ids import write_event_id
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import invalid
from api.requests import ListQuery
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_webhooks import (
    DeliveriesQuery,
    Delivery,
    ReplayIn,
    RotateSecretIn,
    SecretWebhook,
    Webhook,
    WebhookChange,
    WebhookIn,
)
from dialer.signing import PREFIX as SECRET_PREFIX
from dialer.webhooks.egress import refusal
from dialer.webhooks.sealing import NONCE_BYTES
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger import reads, webhooks
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.news import TYPES

PREFIX = "whk"
SECRET_BYTES = 32


@route("GET", "/v1/webhooks", scope="read")
async def list_webhooks(call: Call, query: ListQuery) -> Reply[Page[Webhook]]:
    """The account's webhooks, oldest first unless `order=desc`; never their secrets."""
    database = call.deps.flow.database
    rows = await webhooks.webhooks(
        database,
        call.account_id,
        slice_of(call, query),
    )
    numbers = [row["webhook_id"] for row in rows]
    count = partial(reads.count_owned, database, call.account_id, "webhook")
    return await listed(call, query, [_shown(call, row) for row in rows], numbers, count)


@route("GET", "/v1/webhooks/{id}", scope="read")
async def show_webhook(call: Call) -> Reply[Webhook]:
    """One webhook, without its secret."""
    row = await webhooks.webhook(call.deps.flow.database, call.account_id, call.id(PREFIX))
    return Reply(_shown(call, row))


@route("POST", "/v1/webhooks", scope="admin", answers=(201,))
async def create_webhook(call: Call, body: WebhookIn) -> Reply[SecretWebhook]:
    """A new webhook, which gets what happens from now on. Its secret is in this answer and nowhere else."""
    database = call.deps.flow.database
    types = _read_types(body.types)
    await _check(call, body.url)
    async with editing(call) as edit:
        number = await webhooks.create_webhook(
            database,
            edit.on,
            account_id=call.account_id,
            url=body.url,
            types=types,
            mode=body.mode,
            most=call.deps.settings.webhooks_kept,
            now_ms=edit.now_ms,
            wall_ms=call.deps.clock.wall_ms(),
        )
        secret = await _renew_secret(call, edit, number, None)
        row = await webhooks.webhook(database, call.account_id, number, edit.on)
        await edit.tell("webhook_created", f"webhook:{number}", None, _facts(row))
    return _secret(call, row, secret, 201)


@route("PATCH", "/v1/webhooks/{id}", scope="admin")
async def change_webhook(call: Call, body: WebhookChange) -> Reply[Webhook]:
    """Change it; what is left out stays. What is under way may still be sent as it was."""
    database, number, said = call.deps.flow.database, call.id(PREFIX), given(body)
    if "types" in said:
        said["types"] = _read_types(said["types"])
    if "url" in said:
        now = await webhooks.webhook(database, call.account_id, number)
        if said["url"] != now["url"]:
            await _check(call, said["url"])
    async with editing(call) as edit:
        row = await webhooks.lock_webhook(database, edit.on, call.account_id, number)
        changed = {name: value for name, value in said.items() if row[name] != value}
        if changed:
            await webhooks.change_webhook(database, edit.on, call.account_id, number, changed, edit.now_ms)
            await edit.tell("webhook_changed", f"webhook:{number}", parts(row, changed), changed)
            row = await webhooks.webhook(database, call.account_id, number, edit.on)
    return Reply(_shown(call, row))


@route("DELETE", "/v1/webhooks/{id}", scope="admin")
async def delete_webhook(call: Call) -> Reply[None]:
    """Send it nothing more, and forget what was sent."""
    database, number = call.deps.flow.database, call.id(PREFIX)
    async with editing(call) as edit:
        row = await webhooks.lock_webhook(database, edit.on, call.account_id, number)
        await webhooks.delete_webhook(database, edit.on, call.account_id, number)
        await edit.tell("webhook_deleted", f"webhook:{number}", _facts(row), None)
    return Reply(None, status=204)


@route("POST", "/v1/webhooks/{id}/ping", scope="admin", answers=(202,))
async def ping(call: Call) -> Reply[Delivery]:
    """Have a `webhook.ping` sent to it at once."""
    database, number = call.deps.flow.database, call.id(PREFIX)
    async with editing(call) as edit:
        await webhooks.lock_webhook(database, edit.on, call.account_id, number)
        made = await webhooks.ping_webhook(database, edit.on, call.account_id, number, edit.now_ms)
        await edit.tell("webhook_pinged", f"webhook:{number}", None, None)
        row = await webhooks.delivery(database, call.account_id, made, edit.on)
    return Reply(_sent(call, row), status=202)


@route("POST", "/v1/webhooks/{id}/rotate", scope="admin")
async def rotate(call: Call, body: RotateSecretIn) -> Reply[SecretWebhook]:
    """A new secret, in this answer and nowhere else; the one before signs too for `grace_s`.

    So do the two before that one, where they still did: a rotation whose answer was lost is done again.
    """
    database, number = call.deps.flow.database, call.id(PREFIX)
    until_ms = call.deps.clock.wall_ms() + body.grace_s * SECOND if body.grace_s else None
    async with editing(call) as edit:
        await webhooks.lock_webhook(database, edit.on, call.account_id, number)
        secret = await _renew_secret(call, edit, number, until_ms)
        await edit.tell("webhook_secret_rotated", f"webhook:{number}", None, {"grace_s": body.grace_s})
        row = await webhooks.webhook(database, call.account_id, number, edit.on)
    return _secret(call, row, secret, 200)


@route("POST", "/v1/webhooks/{id}/replay", scope="admin", answers=(202,))
async def replay(call: Call, body: ReplayIn) -> Reply[Webhook]:
    """Have the events of a span of time sent once more, under their own ids, beside what is new."""
    database, number = call.deps.flow.database, call.id(PREFIX)
    until = body.to or to_datetime(call.deps.clock.now_ms())
    for name, at in (("from", body.from_), ("to", until)):
        if not sensible(at):
            raise invalid(f"/{name}", "out-of-range", "an instant between the years 2000 and 2200")
    if until <= body.from_ and body.to is None:
        raise invalid("/from", "invalid", "nothing has happened since", hint="write an earlier instant")
    if until <= body.from_:
        raise invalid("/to", "invalid", "it ends before it starts", hint="write a later instant")
    async with editing(call) as edit:
        await webhooks.lock_webhook(database, edit.on, call.account_id, number)
        span = {"from": utc(body.from_), "to": utc(until)}
        await webhooks.replay_webhook(
            database, edit.on, call.account_id, number, body.from_, until, edit.now_ms
        )
        await edit.tell("webhook_replayed", f"webhook:{number}", None, span)
        row = await webhooks.webhook(database, call.account_id, number, edit.on)
    return Reply(_shown(call, row), status=202)


@route("GET", "/v1/webhooks/{id}/deliveries", scope="read")
async def list_deliveries(call: Call, query: DeliveriesQuery) -> Reply[Page[Delivery]]:
    """What was sent to it and what became of it, newest first unless `order=asc`."""
    database, number = call.deps.flow.database, call.id(PREFIX)
    await webhooks.webhook(database, call.account_id, number)
    rows = await webhooks.deliveries(
        database,
        call.account_id,
        number,
        slice_of(call, query),
        states=query.status,
    )
    numbers = [row["delivery_id"] for row in rows]
    count = partial(webhooks.count_deliveries, database, call.account_id, number, states=query.status)
    return await listed(call, query, [_sent(call, row) for row in rows], numbers, count)


@route("POST", "/v1/deliveries/{id}/retry", scope="admin", answers=(202,))
async def retry(call: Call) -> Reply[Delivery]:
    """Have it sent at once, whatever became of it before."""
    database, number = call.deps.flow.database, call.id("dlv")
    async with editing(call) as edit:
        row = await webhooks.delivery(database, call.account_id, number, edit.on)
        await webhooks.retry_delivery(database, edit.on, call.account_id, number, edit.now_ms)
        await edit.tell("webhook_delivery_retried", f"webhook:{row['webhook_id']}", None, None)
        row = await webhooks.delivery(database, call.account_id, number, edit.on)
    return Reply(_sent(call, row), status=202)


async def _check(call: Call, url: str) -> None:
    """Raises Problem 422 for an address to which nothing may be sent, or whose name nobody knows."""
    why = await refusal(
        url,
        call.deps.names,
        allow_private=call.deps.settings.webhook_allow_private,
        own_hosts=frozenset(
            {call.request.url.raw_host or "", urlsplit(call.deps.settings.public_url).hostname or ""}
        ),
    )
    if why is not None:
        raise invalid("/url", "refused", why, hint="an https address that the whole internet can reach")


def _read_types(types: list[str]) -> list[str]:
    """Each once. Raises Problem 422 for what is no type of event."""
    for place, one in enumerate(types):
        if one not in TYPES:
            near = get_close_matches(one, TYPES, n=1)
            hint = f"did you mean {near[0]}?" if near else "leave `types` out for all"
            raise invalid(f"/types/{place}", "unknown", "no such type of event", hint=hint)
    return list(dict.fromkeys(types))


async def _renew_secret(call: Call, edit: Edit, number: int, old_until_ms: Ms | None) -> str:
    secret = secrets.token_bytes(SECRET_BYTES)
    sealed = call.deps.sealer.seal(secret, call.account_id, number, secrets.token_bytes(NONCE_BYTES))
    await webhooks.set_secret(
        call.deps.flow.database,
        edit.on,
        call.account_id,
        number,
        sealed,
        old_until_ms=old_until_ms,
        now_ms=edit.now_ms,
        wall_ms=call.deps.clock.wall_ms(),
    )
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _secret(call: Call, row: Row, secret: str, status: int) -> Reply[SecretWebhook]:
    shown = _shown(call, row, SecretWebhook, secret=secret)
    headers = {"Location": f"/v1/webhooks/{shown.id}"} if status == 201 else {}
    headers |= tagged(_shown(call, row))
    return Reply(shown, status, headers, kept=_shown(call, row, SecretWebhook, secret=None))


def _shown(call: Call, row: Row, as_: Any = Webhook, **more: Any) -> Any:
    until = row["old_secret_until"]
    rotating = until is not None and to_ms(until) > call.deps.clock.wall_ms()
    return as_(
        id=call.ids.write(PREFIX, row["webhook_id"]),
        object="webhook",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        url=row["url"],
        types=row["types"],
        mode=row["mode"],
        status=row["status"],
        disabled_at=utc_or_none(row["disabled_at"]),
        disabled_reason=row["disabled_reason"],
        failing_since=utc_or_none(row["failing_since"]),
        rotating_until=utc(until) if rotating else None,
        replaying=row["replay_seq"] is not None,
        **more,
    )


def _facts(row: Row) -> dict[str, Any]:
    """What the audit log tells of a webhook."""
    return {name: row[name] for name in ("url", "types", "mode")}


def _sent(call: Call, row: Row) -> Delivery:
    return Delivery(
        id=call.ids.write("dlv", row["delivery_id"]),
        object="delivery",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        webhook_id=call.ids.write(PREFIX, row["webhook_id"]),
        kind=row["kind"],
        events=row["events"],
        event_id=write_event_id(call.ids, call.account_id, row["after_seq"] + 1) if row["events"] else None,
        status=row["state"],
        tries=row["tries"],
        tried_at=utc_or_none(row["tried_at"]),
        next_at=utc(row["next_at"]) if row["state"] == "pending" else None,
        answer=row["status"],
        error=row["error"],
    )


ROUTES = (
    list_webhooks,
    show_webhook,
    create_webhook,
    change_webhook,
    delete_webhook,
    ping,
    rotate,
    replay,
    list_deliveries,
    retry,
)
