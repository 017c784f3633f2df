"""Under what terms leads are enrolled: whose they are, which policy plans them, which cadence they follow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

import msgspec

from scheduler.domain.model import Policy
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.policies import AgentPolicy, Follows
from scheduler.ledger.database import Connection

OnDuplicate: TypeAlias = Literal["update", "skip", "reject"]
"""What a row does that means a known lead: change what it states, nothing, or come back as already-active."""


class Target(msgspec.Struct, frozen=True):
    """Where leads are enrolled; `agent_id` None: nowhere, they are only kept. `batch_id` 0: in no batch.
    `cadence_id`: what they follow, in place of what their agent's settings say."""

    account_id: int
    agent_id: int | None
    batch_id: int = 0
    on_duplicate: OnDuplicate = "update"
    cadence_id: int | None = None


class Terms(msgspec.Struct, frozen=True):
    """The target's agent, and what plans its leads; `policy` None: they are only kept."""

    agent: AgentPolicy | None = None
    policy: Policy | None = None


async def in_batch(flow: Flow, target: Target) -> Target:
    """The target with the cadence of its batch, where it names none itself."""
    if target.cadence_id is not None or not target.batch_id or target.agent_id is None:
        return target
    row = await flow.database.fetch_row("batch_cadence", target.account_id, target.batch_id)
    return target if row is None else msgspec.structs.replace(target, cadence_id=row["cadence_id"])


async def terms_of(flow: Flow, target: Target, on: Connection | None = None, *, use: bool = True) -> Terms:
    """As the ledger has them now. Raises NotFound for an agent that is not this account's; Refused
    (`cadence-not-active`). `use`: the cadence counts as used from here on."""
    if target.agent_id is None:
        return Terms()
    agent = await flow.policies.of_agent(target.agent_id, on)
    if agent.deleted or agent.account_id != target.account_id:
        raise NotFound("no such agent")
    if not agent.enabled:
        return Terms(agent)
    cadence_id = agent.cadence_id if target.cadence_id is None else target.cadence_id
    if cadence_id is None:
        return Terms(agent, agent.policy)
    follows = (await open_cadences(flow, {(target.account_id, cadence_id)}, on, use=use)).get(cadence_id)
    if follows is None:
        raise Refused(
            "cadence-not-active",
            "the cadence takes in no leads",
            "it is a draft, switched off or archived, or none of this account",
            "publish and activate it, or name another one",
        )
    return Terms(agent, await flow.policies.in_cadence(agent, follows, on))


async def policy_of_batch(flow: Flow, batch_id: int, agent_id: int) -> Policy:
    """What plans the batch's leads that name no cadence themselves."""
    agent = await flow.policies.of_agent(agent_id)
    target = await in_batch(flow, Target(agent.account_id, agent_id, batch_id))
    cadence_id = agent.cadence_id if target.cadence_id is None else target.cadence_id
    if cadence_id is None:
        return agent.policy
    opened = await open_cadences(flow, {(agent.account_id, cadence_id)})
    return await flow.policies.in_cadence(agent, opened.get(cadence_id))


async def open_cadences(
    flow: Flow, wanted: Collection[tuple[int, int]], on: Connection | None = None, *, use: bool = True
) -> dict[int, Follows]:
    """What new leads follow in these cadences (account, cadence), by its id; without those that take in none.
    From here on they count as used, unless it is only asked: they are not deleted any more."""
    arguments = [account_id for account_id, _ in wanted], [cadence_id for _, cadence_id in wanted]
    rows = await flow.database.fetch("cadence_open", *arguments, on=on)
    fresh = [row["cadence_id"] for row in rows if use and not row["used"]]
    if fresh:  # one that is deleted in this very moment is not there any more, or will not be deleted
        await flow.database.execute("cadence_use", fresh, on=on)
        rows = await flow.database.fetch("cadence_open", *arguments, on=on)
    return {row["cadence_id"]: (row["cadence_id"], row["version"]) for row in rows}
