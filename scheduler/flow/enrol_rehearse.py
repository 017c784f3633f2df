"""What enrolment would do with drafts, found out without a lock or a write."""

from __future__ import annotations

from scheduler.domain.model import Place
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts
from scheduler.flow.enrol_known import compare
from scheduler.flow.enrolment import Enrolled, lacks_consent
from scheduler.flow.keys import lead_key
from scheduler.flow.terms import Target


async def rehearse(flow: Flow, target: Target, drafts: Drafts) -> list[Enrolled]:
    """A result for each draft, as `enrol.write` would answer it now, but for the ids of what is not there.

    What starts a loop has the instant of its first attempt, as drafted. Raises ServerUnavailable.
    """
    leads = drafts.leads
    marks = [lead_key(flow.phone_key, None, phone) for phone in leads.phones]
    named = [external_id for external_id in leads.external_ids if external_id is not None]
    forbidden = await flow.database.fetch("enrol_suppressed", target.account_id, leads.phones, marks)
    ids = await flow.database.fetch("enrol_find", target.account_id, leads.phones, named)
    found = await flow.database.fetch("enrol_read", [row["lead_id"] for row in ids]) if ids else []
    suppressed = {row["phone"] for row in forbidden}
    phones = {row["phone"] for row in found}
    external_ids = {row["external_id"] for row in found if row["external_id"] is not None}
    lacking = lacks_consent(drafts)
    fresh = [
        not (phone in suppressed or lacks or phone in phones or external_id in external_ids)
        for phone, external_id, lacks in zip(leads.phones, leads.external_ids, lacking, strict=True)
    ]
    rest = [at for at, is_fresh in enumerate(fresh) if not is_fresh]
    met = await compare(target, drafts, rest, suppressed, found, _nowhere)
    first_ats = [None] * len(drafts) if drafts.loops is None else drafts.loops.next_ats_ms
    starting = {at: Enrolled("updated", next_at_ms=first_ats[at]) for at, _, _ in met.unenrolled}
    known = met.results | starting
    return [
        Enrolled("created", next_at_ms=first_ats[at]) if is_fresh else known[at]
        for at, is_fresh in enumerate(fresh)
    ]


async def _nowhere(place: Place) -> int:
    """A lead that moves is changed, wherever it goes: its place need not be known."""
    return 0
