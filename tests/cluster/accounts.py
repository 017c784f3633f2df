"""Several accounts in one world, and what of theirs is on the wheel, wherever it lies."""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import uuid4

from scheduler.domain.time import MINUTE, Ms
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import Entry, read_entry
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Claim, Placing
from tests.builders import World, phones

Waiting: TypeAlias = set[tuple[int, int, int, Ms]]
"""(shard, lane, loop, due)"""


async def several_accounts(world: World, accounts: int = 6, leads: int = 5, **limits: Any) -> None:
    """Accounts with a lead each few minutes of the next hour and a half, in the ledger alone."""
    for number in range(accounts):
        account_id = await create_account(
            world.stores.database, name=f"Account {number}", now_ms=world.now_ms, **limits
        )
        agent_id = await create_agent(
            world.stores.database, account_id=account_id, name="Ada",
            auto_dialer={"strategy": "followup"}, now_ms=world.now_ms,
        )  # fmt: skip
        entries = [read_entry(phone=phone, consent={"basis": "test"}) for phone in phones(leads)]
        await enrol(
            world.flow,
            account_id=account_id,
            agent_id=agent_id,
            entries=[entry for entry in entries if isinstance(entry, Entry)],
            now_ms=world.now_ms,
        )
    await world.run(
        "UPDATE loop SET next_at = $1::timestamptz + (loop_id * 37 % 90) * interval '1 minute',"
        " open_until = $1::timestamptz + interval '3 hours'",
        to_datetime(world.now_ms),
    )
    for shard in range(world.flow.wheel.shards):
        await world.flow.wheel.begin_rebuild(shard)


async def belongs(world: World) -> Waiting:
    """What the ledger says should wait on the wheel."""
    rows = await world.rows(
        "SELECT la.shard, lo.lane_id, lo.loop_id, (extract(epoch FROM lo.next_at) * 1000)::bigint AS at"
        " FROM loop AS lo JOIN lane AS la USING (lane_id) WHERE lo.next_at < $1",
        to_datetime(world.now_ms + world.flow.horizon_ms),
    )
    return {(row["shard"], row["lane_id"], row["loop_id"], row["at"]) for row in rows}


async def waits(world: World, expected: Waiting) -> bool:
    """Whether exactly these wait on the wheel; what is leased counts as there."""
    placings = [Placing(shard, lane, loop, at) for shard, lane, loop, at in expected]
    counts = [await world.flow.wheel.counts(shard, world.now_ms) for shard in range(world.flow.wheel.shards)]
    there = sum(each.waiting + each.leased for each in counts)
    return await world.flow.wheel.missing(placings) == [] and there == len(expected)


async def claim_all(world: World, shards: list[int] | None = None, limit: int = 500) -> list[Claim]:
    """Everything within the horizon, claimed ahead of its time."""
    wheel, claims = world.flow.wheel, []
    for shard in range(wheel.shards) if shards is None else shards:
        epoch = await wheel.epoch(shard)
        assert epoch is not None
        claimed = await wheel.claim(
            shard, worker="t", claim_id=uuid4().hex, limit=limit, now_ms=world.now_ms,
            wall_ms=world.clock.wall_ms(), epoch=epoch, ahead_ms=world.flow.horizon_ms + MINUTE,
        )  # fmt: skip
        claims += claimed.claims
    return claims


def as_waiting(claims: list[Claim]) -> Waiting:
    return {(claim.shard, claim.lane_id, claim.loop_id, claim.due_at_ms) for claim in claims}
