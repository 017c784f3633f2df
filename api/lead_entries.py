"""Bodies of leads as what enrolment takes; what is wrong with them as problems that point at the place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from api.instants import sensible
from api.problems import Problem, invalid
from api.requests_leads import ConsentIn, LeadChange, LeadIn
from api.routing import Call
from scheduler.domain.model import Priority
from scheduler.flow.entries import BadField, Entry, read_entry
from scheduler.ledger import reads
from scheduler.ledger.instants import to_ms

MOST_DEPTH = 8
"""Levels that the variables of a lead may be nested."""


def entry_of(body: LeadIn, external_id: str | None = None) -> Entry:
    """The body as an entry; `external_id` where the path states it. Raises Problem 422."""
    check_parts(body)
    entry = read_entry(
        phone=body.phone,
        external_id=external_id or body.external_id,
        name=body.name,
        email=body.email,
        timezone=body.timezone,
        region=body.region,
        priority=Priority(body.priority),
        appointment_at_ms=None if body.appointment_at is None else to_ms(body.appointment_at),
        consent=None if body.consent is None else consent_text(body.consent),
        tags=body.tags,
        variables=body.variables,
    )
    if isinstance(entry, BadField):
        raise invalid(f"/{entry.field}", entry.code, entry.detail)
    return entry


def consent_text(consent: ConsentIn) -> str:
    return msgspec.json.encode(consent).decode()


def check_parts(body: LeadIn | LeadChange) -> None:
    """What the types do not say: instants that anybody can mean, variables of some depth. Raises Problem."""
    consent = body.consent if isinstance(body.consent, ConsentIn) else None
    instants = {
        "/appointment_at": body.appointment_at,
        "/consent/captured_at": consent and consent.captured_at,
        "/consent/expires_at": consent and consent.expires_at,
    }
    for pointer, at in instants.items():
        if isinstance(at, datetime) and not sensible(at):
            raise invalid(pointer, "out-of-range", "an instant between the years 2000 and 2200")
    if body.variables is not UNSET and _depth(body.variables) > MOST_DEPTH:
        raise invalid("/variables", "too-deep", f"variables may be nested {MOST_DEPTH} levels deep")


async def agent_named(call: Call, public_id: str) -> int:
    """Raises Problem 422 for one that is not the account's."""
    agent_id = call.ids.read("agt", public_id)
    if agent_id is not None:
        owned = await reads.owned(call.deps.flow.database, call.account_id, agent_id=agent_id, batch_id=None)
        if owned.agent_ok:
            return agent_id
    raise invalid("/agent_id", "not-found", "no such agent in this account")


async def batch_named(call: Call, public_id: str) -> tuple[int, int]:
    """The batch and its agent. Raises Problem 422 for one that is not the account's."""
    batch_id = call.ids.read("bat", public_id)
    if batch_id is not None:
        owned = await reads.owned(call.deps.flow.database, call.account_id, agent_id=None, batch_id=batch_id)
        if owned.batch_ok and owned.batch_agent_id is not None:
            return batch_id, owned.batch_agent_id
    raise invalid("/batch_id", "not-found", "no such batch in this account")


async def target_of(call: Call, body: LeadIn) -> tuple[int | None, int | None]:
    """The agent and the batch that the body names; a batch brings its agent. Raises Problem 422."""
    agent_id = None if body.agent_id is None else call.ids.read("agt", body.agent_id)
    if body.agent_id is not None and agent_id is None:
        raise not_an_agent()
    if body.batch_id is None:
        return agent_id, None
    batch_id, batch_agent_id = await batch_named(call, body.batch_id)
    return agent_id or batch_agent_id, batch_id


def not_an_agent() -> Problem:
    return invalid("/agent_id", "not-found", "no such agent in this account")


def _depth(value: Any) -> int:
    """Levels of a decoded JSON value; the decoder has bounded them by then."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
