"""May this lead be called now, and if not, why not: every obstacle that the arm would find, in words."""

from __future__ import annotations

from api.instants import utc_ms
from api.schemas_leads import Blocker
from scheduler.domain.calendars import Calendar, calendar_of
from scheduler.domain.caller_ids import SPENT, Budget
from scheduler.domain.caps import cap_text
from scheduler.domain.model import Place, Policy, Priority
from scheduler.domain.placement import SEARCH, limits_of
from scheduler.domain.time import Ms
from scheduler.flow.quarantine import Standing
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms_tuple

_WORDS = {
    "statutory_window": "outside the hours that the law allows where the lead may be",
    "cadence_window": "outside the hours of its cadence",
    "dialer_window": "outside the calling hours of the agent or the account",
    "no_call_day": "a day on which nobody is called",
}


def blockers_of(
    lead: Row, blocks: Row, policy: Policy | None, numbers: Budget | None, now_ms: Ms
) -> list[Blocker]:
    """`lead`: a row of `read_leads`; `blocks`: one of `read_lead_blocks`; `policy`: of its agent, if it has
    one; `numbers`: what the agent's pool of caller ids has left, if it has one.
    """
    found = _by_state(blocks)
    if numbers is not None and numbers.left == 0:
        found.append(Blocker("throttle", SPENT, utc_ms(numbers.renews_at_ms)))
    if policy is None:
        found.append(Blocker("manual", "no agent calls this lead"))
        return found
    place = Place(tuple(lead["zones"]), tuple(lead["regions"]), tuple(lead["own_zones"]), lead["source"])
    after_hours = policy.live_after_hours and lead["priority"] == Priority.LIVE
    calendar = calendar_of(policy, place, after_hours)
    return found + _by_hours(calendar, now_ms) + _by_caps(calendar, lead, now_ms)


def by_ledger(standing: Standing) -> list[Blocker]:
    """A ledger that was put back to an earlier state gives nobody a permit."""
    return [Blocker("quarantine", f"nobody is called: {standing.why}")] if standing.quarantined else []


def _by_state(blocks: Row) -> list[Blocker]:
    found = []
    if blocks["suppressed"]:
        found.append(Blocker("manual", "the phone is on the account's suppression list"))
    if blocks["account_paused"]:
        found.append(
            Blocker("pause", f"the account is paused: {blocks['account_pause_reason'] or 'no reason given'}")
        )
    if blocks["agent_paused"]:
        found.append(
            Blocker("pause", f"the agent is paused: {blocks['agent_pause_reason'] or 'no reason given'}")
        )
    if blocks["trunk_paused"]:
        found.append(Blocker("pause", f"the trunk {blocks['trunk_name']} is paused"))
    if blocks["batch_held"]:
        found.append(Blocker("pause", f"the batch is {blocks['batch_status']}"))
    if blocks["in_call"]:
        found.append(Blocker("manual", "a call to this lead is under way"))
    return found


def _by_hours(calendar: Calendar, now_ms: Ms) -> list[Blocker]:
    found = []
    for rule, openings in calendar.layers:
        if openings.at(now_ms) is None:
            opening = openings.first(now_ms, now_ms + SEARCH)
            found.append(Blocker(rule, _WORDS[rule], utc_ms(opening[0]) if opening else None))
    return found


def _by_caps(calendar: Calendar, lead: Row, now_ms: Ms) -> list[Blocker]:
    limits = limits_of(calendar, to_ms_tuple(lead["contacts"]), now_ms)
    if limits.cap is None or limits.free_ms <= now_ms:
        return []
    return [Blocker("frequency_cap", cap_text(limits.cap), utc_ms(limits.free_ms))]
