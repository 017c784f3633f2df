"""An opt-out: from its answer on, nobody calls that phone again.

First the suppression is committed: every arm after it refuses. Then, in a second transaction, the lead is
locked: an arm that came before has committed by now and is seen, one that comes later sees the suppression.
What is armed is waited for, what rings is hung up; a conversation under way goes on, since in it the person
asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
import structlog

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.news import tell, tell_ended, tell_suppressed

log = structlog.get_logger()

HangUp: TypeAlias = Callable[[list[str]], Awaitable[None]]
"""Ends calls by the provider's own ids, as well as the provider can; the assembly fills it."""

MARGIN = 1.05
"""Permits are waited for a little longer than they last."""

_LOOK_AGAIN_S = 0.02
_RINGING = frozenset({"accepted", "unknown", "ringing"})


class OptOut(msgspec.Struct, frozen=True):
    """The suppression as it stands; `added` is False when the phone was suppressed before."""

    added: bool
    reason: str
    source: str
    created_at_ms: Ms


async def opt_out(
    flow: Flow,
    clock: Clock,
    hang_up: HangUp,
    *,
    account_id: int,
    phone: str,
    reason: str,
    source: str,
    actor: Actor,
    permit_s: float,
) -> OptOut:
    """Suppress `phone` (E.164) for the account, end its loop, and return once no call can follow.

    Idempotent. Raises ServerUnavailable when a store or the provider is away: then nothing was promised, and
    asking again goes on where this stopped.
    """
    now_ms = clock.now_ms()
    done = await _suppress(flow, account_id, phone, reason, source, actor, now_ms)
    ended, live = await _cancel(flow, account_id, phone, now_ms, told=not done.added)
    await flow.standing.opted_out(account_id, [flow.lead_key(None, phone)], now_ms)
    began_s = clock.monotonic_s()
    try:
        await flow.wheel.withdraw([(row["shard"], row["lane_id"], row["loop_id"]) for row in ended], now_ms)
    except DialwheelError as error:  # the wheel may hand them out: the arm refuses
        log.warning("loops_not_withdrawn", loops=len(ended), why=error.what)
    while any(row["state"] == "armed" for row in live):
        left_s = began_s + permit_s * MARGIN - clock.monotonic_s()
        if left_s <= 0:
            break
        await asyncio.sleep(min(_LOOK_AGAIN_S, left_s))
        live = await _live(flow, account_id, phone)
    calls = [row["provider_call_id"] for row in live if row["state"] in _RINGING and row["provider_call_id"]]
    if calls:
        await hang_up(calls)
    return done


async def _suppress(
    flow: Flow, account_id: int, phone: str, reason: str, source: str, actor: Actor, now_ms: Ms
) -> OptOut:
    row = None
    while row is None:  # empty when another writer had just added it and had not committed yet
        async with flow.database.transaction() as on:
            row = await flow.database.fetch_row(
                "opt_out_suppress", account_id, phone, reason, source, to_datetime(now_ms), on=on
            )
            if row is not None and row["added"]:
                await tell_suppressed(flow.database, [(account_id, phone)], now_ms, on)
            if row is not None and row["said"]:
                await write_audit(
                    flow.database,
                    on,
                    account_id=account_id,
                    actor=actor,
                    action="phone_suppressed",
                    object_=f"dnc_entry:{row['suppression_id']}",
                    before=None,
                    after={"reason": reason, "source": source},
                    now_ms=now_ms,
                )
    return OptOut(row["added"], row["reason"], row["source"], to_ms(row["created_at"]))


async def _cancel(
    flow: Flow, account_id: int, phone: str, now_ms: Ms, *, told: bool
) -> tuple[list[Row], list[Row]]:
    """End what was planned for the phone; answers the loops ended and the attempts that are live. `told`: of
    the lead, when it opted out before."""

    async def work(on: Connection) -> tuple[list[Row], list[Row]]:
        lead = await flow.database.fetch_row("opt_out_lock", account_id, phone, on=on)
        if lead is None:
            return [], []
        ended = await flow.database.fetch("opt_out_end", lead["lead_id"], to_datetime(now_ms), on=on)
        await tell_ended(flow.database, [row["loop_id"] for row in ended], now_ms, on)
        if not ended and not told:
            ids = [lead["lead_id"]]
            await tell(flow.database, "lead.opted_out", account_id, ids=ids, at_ms=now_ms, on=on)
        return ended, await flow.database.fetch("opt_out_live", account_id, phone, on=on)

    return await in_transaction(flow.database, work)


async def _live(flow: Flow, account_id: int, phone: str) -> list[Row]:
    return await flow.database.fetch("opt_out_live", account_id, phone)
