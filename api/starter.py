"""What a new installation begins with: an account, two agents and a key, so that leads can go in at once."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.ledger.accounts import Installation, create_account, create_agent, find_account
from scheduler.ledger.database import Database
from scheduler.ledger.keys import create_key

FOLLOW_UP = "Follow-up"
SMART = "Smart"


async def ensure_starter(database: Database, installation: Installation, now_ms: Ms) -> str | None:
    """Make them if the ledger has no account at all; answers the new API key, which is shown only once."""
    if await find_account(database) is not None:
        return None
    account_id = await create_account(database, name="main", now_ms=now_ms)
    await create_starter_agents(database, account_id, now_ms)
    return await create_key(
        database,
        account_id=account_id,
        name="first key",
        environment="test",
        scopes=("admin",),
        now_ms=now_ms,
    )


async def create_starter_agents(database: Database, account_id: int, now_ms: Ms) -> tuple[int, int]:
    """One agent with the automatic follow-up, one with smart calling at moderate intensity."""
    follow_up = await create_agent(
        database, account_id=account_id, name=FOLLOW_UP, auto_dialer={"strategy": "followup"}, now_ms=now_ms
    )
    smart = await create_agent(
        database,
        account_id=account_id,
        name=SMART,
        auto_dialer={"strategy": "smart", "intensity": "moderate"},
        now_ms=now_ms,
    )
    return follow_up, smart
