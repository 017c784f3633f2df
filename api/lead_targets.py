"""Whom a body names to follow leads up: the agent, the batch, the cadence; and what enrolment answers."""

from __future__ import annotations

from api.problems import FieldError, Problem, invalid
from scheduler.flow.context import Flow
from scheduler.flow.enrolment import Enrolled
from scheduler.flow.policies import read_dialer
from scheduler.flow.terms import Target
from scheduler.ledger import reads
from scheduler.ledger.cadences import current
from scheduler.ledger.pages import Slice
from scheduler.public_ids import PublicIds

_CODES = {
    "suppressed": "dnc-blocked",
    "consent-missing": "consent-missing",
    "cell-too-large": "state-conflict",
    "malformed-body": "malformed-body",
    "encoding": "malformed-body",
    "nul": "malformed-body",
}
"""Row codes that say more than that something is impossible."""


async def agent_named(flow: Flow, ids: PublicIds, account_id: int, public_id: str) -> int:
    """Raises Problem 422 for one that is not the account's."""
    agent_id = ids.read("agt", public_id)
    if agent_id is not None:
        owned = await reads.owned(flow.database, account_id, agent_id=agent_id, batch_id=None)
        if owned.agent_ok:
            return agent_id
    raise not_an_agent()


def not_an_agent() -> Problem:
    return invalid("/agent_id", "not-found", "no such agent in this account")


async def batch_named(flow: Flow, ids: PublicIds, account_id: int, public_id: str) -> tuple[int, int]:
    """The batch and its agent. Raises Problem 422 for one that is not the account's."""
    batch_id = ids.read("bat", public_id)
    if batch_id is not None:
        owned = await reads.owned(flow.database, account_id, agent_id=None, batch_id=batch_id)
        if owned.batch_ok and owned.batch_agent_id is not None:
            return batch_id, owned.batch_agent_id
    raise invalid("/batch_id", "not-found", "no such batch in this account")


async def cadence_named(flow: Flow, ids: PublicIds, account_id: int, public_id: str) -> int:
    """Raises Problem 422 for one that is not the account's."""
    cadence_id = ids.read("cad", public_id)
    if cadence_id is not None and await current(flow.database, account_id, cadence_id) is not None:
        return cadence_id
    raise invalid("/cadence_id", "not-found", "no such cadence in this account")


async def target_named(
    flow: Flow,
    ids: PublicIds,
    account_id: int,
    *,
    agent_id: str | None,
    batch_id: str | None,
    cadence_id: str | None,
) -> Target:
    """Where leads go that name these; a batch brings its agent. Raises Problem 422. That the agent is the
    account's is left to enrolment, which reads it anyway."""
    batch, agent = 0, None
    if batch_id is not None:
        batch, agent = await batch_named(flow, ids, account_id, batch_id)
    if agent_id is not None:
        agent = ids.read("agt", agent_id)
        if agent is None:
            raise not_an_agent()
    cadence = None if cadence_id is None else await cadence_named(flow, ids, account_id, cadence_id)
    if cadence is not None and agent is None:
        agent = await _agent_of(flow, account_id, cadence)
    return Target(account_id, agent, batch, cadence_id=cadence)


async def _agent_of(flow: Flow, account_id: int, cadence_id: int) -> int:
    """The one agent that dials by this cadence, or that the account has. Raises Problem 422 where several, or
    none, may be meant."""
    rows = await reads.agents(flow.database, account_id, Slice(None))
    own = [row for row in rows if read_dialer(row["auto_dialer"]).cadence_id == cadence_id]
    for meant in (own, rows):
        if len(meant) == 1:
            return int(meant[0]["agent_id"])
    raise invalid("/agent_id", "required", "say which agent calls the leads of the cadence")


def problem_of_row(code: str, detail: str, pointer: str = "") -> Problem:
    """What a row that did not come in would have been answered alone."""
    if pointer:
        return Problem("validation-failed", detail, errors=(FieldError(code, detail, pointer=pointer),))
    if code == "already-active":
        hint = "leave external_id out, or change it by PATCH of that lead first"
        errors = (FieldError("taken", detail, pointer="/external_id"),)
        return Problem("state-conflict", detail, hint=hint, errors=errors)
    if code in _CODES:
        return Problem(_CODES[code], detail)
    return Problem("validation-failed", detail, errors=(FieldError(code, detail),))


def refusal_of(result: Enrolled) -> Problem | None:
    """None for a lead that is in."""
    if result.action == "suppressed":
        return Problem("dnc-blocked", "the phone is on the account's suppression list")
    return (
        None if result.lead_id is not None and not result.code else problem_of_row(result.code, result.detail)
    )
