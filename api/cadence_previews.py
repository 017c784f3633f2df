"""What a cadence would do with one lead, by the planner of the running system and the account's settings."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from api.cadence_forms import check_free_form
from api.instants import sensible
from api.preview.callbacks import check_callbacks
from api.preview.runner import Played, follow
from api.problems import invalid
from api.requests_cadences import CadencePreviewIn
from api.routing import Call
from scheduler.domain import rules
from scheduler.domain.cadence_form import CadenceForm, cadence_of
from scheduler.domain.model import Lead, Place, Policy, Priority
from scheduler.domain.numbers import anywhere_in_the_us
from scheduler.domain.places import combine, find_region
from scheduler.domain.time import Ms
from scheduler.domain.variables import read_variables
from scheduler.domain.zones import find_zone
from scheduler.errors import NotFound, UnknownZone, UsageError
from scheduler.ledger import reads
from scheduler.ledger.instants import to_ms, to_ms_or_none, to_ms_tuple
from scheduler.ledger.pages import ONE

NOWHERE = Place((), (), (), "stated")


class _Whom(NamedTuple):
    lead: Lead
    agent_id: int | None


async def play_cadence(call: Call, said: CadencePreviewIn, cadence_id: int, form: CadenceForm) -> Played:
    """`form` is one that can be run. Raises Problem 422 for what the account does not have, and for calls
    that cannot go so."""
    whom = await _whom(call, said)
    policy = await _policy(call, said, whom.agent_id)
    policy = msgspec.structs.replace(policy, cadence=cadence_of(form, str(cadence_id)), seed=said.seed)
    start_ms = _instant(said.start_at, "/start_at")
    if start_ms is None:
        start_ms = call.deps.clock.now_ms()
    try:
        check_callbacks(said)
        return follow(policy, whom.lead, start_ms, said)
    except UsageError as error:
        pointer, _, what = error.what.partition(": ")
        raise invalid(pointer, "invalid", what, hint=error.do) from None


async def _whom(call: Call, said: CadencePreviewIn) -> _Whom:
    """A lead of the account as it stands, or one that is made up of what was said."""
    if said.lead is None:
        check_free_form(said.variables, "/variables")
        return _Whom(
            Lead(
                key="preview",
                place=_place(said.timezone, said.region),
                priority=Priority(said.priority),
                consent=True,
                appointment_at_ms=_instant(said.appointment_at, "/appointment_at"),
                tags=tuple(said.tags),
                variables=read_variables(msgspec.json.encode(said.variables).decode()),
            ),
            None,
        )
    for name in ("timezone", "region", "appointment_at", "tags", "variables"):
        if getattr(said, name):
            raise invalid(f"/{name}", "invalid", "a lead has its own: leave it out, or the lead")
    try:
        row = await reads.lead(
            call.deps.flow.database, call.account_id, call.ids.read("lead", said.lead) or 0
        )
    except NotFound:
        raise invalid("/lead", "not-found", "no such lead in this account") from None
    lead = Lead(
        key=call.deps.flow.lead_key(row["external_id"], row["phone"]),
        place=Place(tuple(row["zones"]), tuple(row["regions"]), tuple(row["own_zones"]), row["source"]),
        priority=Priority(row["priority"]),
        contacts=to_ms_tuple(row["contacts"]),
        consent=row["consent"] is not None,
        appointment_at_ms=to_ms_or_none(row["appointment_at"]),
        tags=tuple(row["tags"]),
        variables=read_variables(row["variables"]),
    )
    return _Whom(lead, row["agent_id"])


def _instant(at: datetime | None, pointer: str) -> Ms | None:
    if at is not None and not sensible(at):
        raise invalid(pointer, "out-of-range", "write a year from 2000 to 2199")
    return None if at is None else to_ms(at)


def _place(timezone: str | None, region: str | None) -> Place:
    """Where the made-up lead is: the states of its zone where no region is said, anywhere without either."""
    zone = code = None
    if timezone is not None:
        try:
            zone = find_zone(timezone)
        except UnknownZone as error:
            raise invalid("/timezone", "timezone-unknown", error.what, hint=error.do) from None
    if region is not None:
        code = find_region(region)
        if code is None:
            raise invalid("/region", "invalid", "not a region", hint="write a country or a state: GB, US-FL")
    if zone is None and code is None:
        return anywhere_in_the_us()
    if code is None:
        states = rules.load().states.items()
        regions = tuple(sorted(name for name, row in states if zone in row.time_zones))
        return combine(msgspec.structs.replace(NOWHERE, regions=regions), zone, None)
    place = combine(NOWHERE, zone, code)
    return place if zone is not None else msgspec.structs.replace(place, own_zones=place.zones)


async def _policy(call: Call, said: CadencePreviewIn, agent_id: int | None) -> Policy:
    """The settings that are asked for, else the lead's agent's, else those of the account's first agent."""
    database = call.deps.flow.database
    if said.agent_id is not None:
        agent_id = call.ids.read("agt", said.agent_id) or 0
        try:
            await reads.agent(database, call.account_id, agent_id)
        except NotFound:
            raise invalid("/agent_id", "not-found", "no such agent in this account") from None
    elif agent_id is None:
        first = await reads.agents(database, call.account_id, ONE)
        if not first:
            raise invalid("/agent_id", "required", "the account has no agent whose hours could be taken")
        agent_id = first[0]["agent_id"]
    return (await call.deps.flow.policies.of_agent(agent_id)).in_cadences
