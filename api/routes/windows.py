"""Open hours of agents, and the open times that all rules together leave."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from api import views_settings as views
from api.effective import NOWHERE, gaps, open_times, place_at
from api.instants import sensible, utc_ms
from api.preconditions import tagged
from api.problems import FieldError, Problem, invalid
from api.reaching import Reached, extended
from api.requests_windows import EffectiveQuery
from api.routes.agents import change_settings
from api.routing import Call, Reply, route
from api.schemas_agents import Agent
from api.schemas_effective import Effective
from api.schemas_impact import ChangeQuery
from api.schemas_windows import AgentWindows, AgentWindowsChanged, AgentWindowsIn, Windows
from api.weeks import read_week
from scheduler.domain.calendars import calendar_of
from scheduler.domain.model import Place, Priority
from scheduler.domain.places import is_nobodys
from scheduler.domain.time import DAY, Ms
from scheduler.errors import NotFound, UnknownZone
from scheduler.flow.policies import Follows
from scheduler.ledger import cadences, reads
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms


@route("GET", "/v1/agents/{id}/windows", scope="read")
async def show_windows(call: Call) -> Reply[AgentWindows]:
    """The agent's open hours: its own, or those of the account."""
    row = await reads.agent(call.deps.flow.database, call.account_id, call.id("agt"))
    return Reply(await _windows(call, views.agent(row, call.ids)))


@route("PUT", "/v1/agents/{id}/windows", scope="calls:write", if_match=True)
async def set_windows(call: Call, query: ChangeQuery, body: AgentWindowsIn) -> Reply[AgentWindowsChanged]:
    """The whole week anew. In force once this is answered, some two seconds later."""
    days = Windows(**{day: getattr(body, day) for day in Windows.__struct_fields__})
    week: dict[str, object] | None = read_week(days, "")
    if body.inherited:
        account = await reads.account(call.deps.flow.database, call.account_id)
        if week != msgspec.to_builtins(views.show_week(account["windows"])):
            hint = "leave it out for hours of the agent's own"
            raise invalid("/inherited", "invalid", "these are not the account's hours", hint=hint)
        week = None
    return await _change(call, week, query)


@route("DELETE", "/v1/agents/{id}/windows", scope="calls:write", answers=(200,), if_match=True)
async def inherit_windows(call: Call, query: ChangeQuery) -> Reply[AgentWindowsChanged]:
    """The account's hours hold from now on. In force once this is answered, some two seconds later."""
    return await _change(call, None, query)


@route("GET", "/v1/windows/effective", scope="read")
async def show_effective(call: Call, query: EffectiveQuery) -> Reply[Effective]:
    """When a lead, or an agent's leads at a place, may be called, and the rules behind each gap."""
    from_ms = call.deps.clock.now_ms() if query.from_ is None else to_ms(query.from_)
    if query.from_ is not None and not sensible(query.from_):
        raise _refused("from", "not an instant that anybody means")
    until_ms = from_ms + query.days * DAY
    whose = await _of_lead(call, query) if query.lead_id is not None else await _of_agent(call, query)
    return Reply(await _effective(call, whose, query, from_ms, until_ms))


class _Whose(NamedTuple):
    agent_id: int
    place: Place
    lead_id: int | None = None
    live: bool = False
    follows: Follows | None = None


async def _of_lead(call: Call, query: EffectiveQuery) -> _Whose:
    if query.region is not None or query.timezone is not None:
        raise _refused("region", "a lead has a place of its own: leave out region and timezone")
    database, number = call.deps.flow.database, call.ids.read("lead", query.lead_id or "") or 0
    try:
        lead = await reads.lead(database, call.account_id, number)
    except NotFound:
        raise _refused("lead_id", "no such lead in this account", "not-found") from None
    if query.agent_id is not None:
        agent_id = await _agent(call, query.agent_id)
    else:
        agent_id = lead["loop_agent_id"] or lead["agent_id"] or 0
        if not agent_id:
            raise _refused("agent_id", "no agent calls this lead: name one", "required")
    place = Place(tuple(lead["zones"]), tuple(lead["regions"]), tuple(lead["own_zones"]), lead["source"])
    return _Whose(agent_id, place, number, lead["priority"] == Priority.LIVE)


async def _of_agent(call: Call, query: EffectiveQuery) -> _Whose:
    if query.agent_id is None:
        raise _refused("agent_id", "name a lead or an agent", "required")
    agent_id = await _agent(call, query.agent_id)
    if is_nobodys(query.region, NOWHERE):
        raise _refused("region", "no region whose calling hours are known", "region-unknown")
    try:
        return _Whose(agent_id, place_at(query.timezone, query.region))
    except UnknownZone as error:
        raise _refused("timezone", f"{error.what}: {error.why}", "timezone-unknown") from None


async def _agent(call: Call, said: str) -> int:
    number = call.ids.read("agt", said) or 0
    try:
        await reads.agent(call.deps.flow.database, call.account_id, number)
    except NotFound:
        raise _refused("agent_id", "no such agent in this account", "not-found") from None
    return number


async def _effective(
    call: Call, whose: _Whose, query: EffectiveQuery, from_ms: Ms, until_ms: Ms
) -> Effective:
    flow = call.deps.flow
    agent = await flow.policies.of_agent(whose.agent_id)
    cadence_id = agent.cadence_id
    if query.cadence_id is not None:
        cadence_id = call.ids.read("cad", query.cadence_id) or 0
    follows = None if cadence_id is None else await _version(call, cadence_id)
    policy = await flow.policies.in_cadence(agent, follows)
    calendar = calendar_of(policy, whose.place, policy.live_after_hours and whose.live)
    return Effective(
        object="effective_windows",
        lead_id=call.ids.write_or_none("lead", whose.lead_id),
        agent_id=call.ids.write("agt", whose.agent_id),
        cadence_id=call.ids.write_or_none("cad", cadence_id),
        from_at=utc_ms(from_ms) or "",
        until_at=utc_ms(until_ms) or "",
        timezone=calendar.zone,
        timezones=list(whose.place.zones),
        regions=list(whose.place.regions),
        open=open_times(calendar, from_ms, until_ms),
        gaps=gaps(calendar, from_ms, until_ms),
    )


async def _version(call: Call, cadence_id: int) -> Follows | None:
    """The version that is in force; None of a cadence that was never published."""
    found = await cadences.current(call.deps.flow.database, call.account_id, cadence_id)
    if found is None:
        raise _refused("cadence_id", "no such cadence in this account", "not-found")
    return None if found[1] is None else (cadence_id, found[1])


async def _change(
    call: Call, week: dict[str, object] | None, query: ChangeQuery
) -> Reply[AgentWindowsChanged]:
    async def tag_for(row: Row) -> AgentWindows:
        return await _windows(call, views.agent(row, call.ids))

    reached = await change_settings(
        call, call.id("agt"), {"windows": week}, dry_run=query.dry_run, tag_for=tag_for
    )
    shown = Reached(await _windows(call, reached.shown), reached.impact, reached.job)
    return Reply(extended(AgentWindowsChanged, shown), headers=tagged(shown.shown))


async def _windows(call: Call, agent: Agent) -> AgentWindows:
    windows, inherited = agent.windows, agent.windows is None
    if windows is None:
        row = await reads.account(call.deps.flow.database, call.account_id)
        windows = views.show_week(row["windows"])
    days = {day: getattr(windows, day) for day in Windows.__struct_fields__}
    return AgentWindows(**days, inherited=inherited)


def _refused(parameter: str, detail: str, code: str = "invalid") -> Problem:
    return Problem("validation-failed", detail, errors=(FieldError(code, detail, parameter=parameter),))


ROUTES = (show_windows, set_windows, inherit_windows, show_effective)
