"""Which number each call goes out under, chosen and counted inside the arm's transaction.

The pools are locked before their numbers are read, so that two dialers never choose what only one of them can
have; and each number is counted by a statement that stops at its cap, whoever counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from scheduler.domain.caller_ids import FIXED, Caller, CallerId, budget, choose
from scheduler.domain.localtime import day_of, day_start
from scheduler.domain.model import Cadence
from scheduler.domain.time import Ms
from scheduler.errors import Refused, WrongCallerId
from scheduler.flow.context import Flow
from scheduler.flow.policies import Follows
from scheduler.ledger.caller_ids import count_calls, numbers_on
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_ms_or_none

NAME_ONE = "name another of the agent's pool, or leave the choice to that"


class Chosen(msgspec.Struct, frozen=True):
    """A number for one call, and the day of its account that the call counts for."""

    caller_id_id: int
    phone: str
    day: int


class Choice(msgspec.Struct, frozen=True):
    """`chosen`: by loop. `spent`: loops for which no number has anything left, and until when that is so."""

    chosen: dict[int, Chosen]
    spent: dict[int, Ms]


async def choose_caller_ids(
    flow: Flow, ledger: Database, loop_ids: Sequence[int], now_ms: Ms, on: Connection
) -> Choice:
    """Choose for these loops, whose leads are locked. Nothing is counted yet; the pools stay locked."""
    rows = await ledger.fetch("caller_id_lock", list(loop_ids), on=on)
    policies = await flow.policies.of_versions({r["agent_id"]: r["policy_version"] for r in rows}, on=on)
    days = {row["caller_id_pool_id"]: day_of(row["timezone"], now_ms) for row in rows}
    pools = await numbers_on(ledger, days, on=on)
    versions = {_follows(row) for row in rows if row["cadence_id"] is not None}
    cadences = await flow.policies.cadences(versions, on)
    choice = Choice({}, {})
    for row in rows:
        pool_id, loop_id = row["caller_id_pool_id"], row["loop_id"]
        strategy, pool = row["strategy"], pools[pool_id]
        if row["cadence_id"] is not None:
            strategy, pool = _of_step(cadences[_follows(row)], row, strategy, pool)
        if row["asked_caller_id"] is not None:
            strategy, pool = FIXED, [each for each in pool if each.caller_id_id == row["asked_caller_id"]]
        caller = _caller(flow, row, policies[row["agent_id"]].policy.seed)
        number = choose(strategy, pool, caller, now_ms)
        if number is None:
            choice.spent[loop_id] = _renews_at(row, strategy, pool, days[pool_id], now_ms)
        else:
            number.take()
            choice.chosen[loop_id] = Chosen(number.caller_id_id, number.phone, days[pool_id])
    return choice


async def count_chosen(ledger: Database, chosen: Iterable[Chosen], on: Connection) -> None:
    """Count the calls that got a permit.

    Raises Refused, so that the permits of this transaction are none, when a number would pass its cap: it was
    lowered in this very moment.
    """
    counts = Counter((each.caller_id_id, each.day) for each in chosen)
    calls = [(caller_id_id, day, count) for (caller_id_id, day), count in counts.items()]
    if await count_calls(ledger, calls, on) != {caller_id_id for caller_id_id, _ in counts}:
        raise Refused("state-conflict", "a caller id has fewer calls left than were chosen for it")


async def asked_caller_id(
    flow: Flow, account_id: int, agent_id: int, said: int | str, now_ms: Ms, on: Connection
) -> int:
    """The caller id of this number (an id or a phone) for one call of the agent; the arm counts it then.

    Raises WrongCallerId for one that is not the account's or not in the agent's pool; Refused:
    `state-conflict` while it is paused or rests, `frequency-cap` when it has made its calls of the day.
    """
    number, phone = (said, None) if isinstance(said, int) else (None, said)
    row = await flow.database.fetch_row("caller_id_asked", account_id, agent_id, number, phone, on=on)
    if row is None:
        raise WrongCallerId("no such caller id in this account", "", NAME_ONE)
    if not row["in_pool"]:
        raise WrongCallerId("the agent's calls do not go out under it", "", NAME_ONE)
    if row["status"] != "active":
        raise Refused("state-conflict", "the caller id is paused", "", NAME_ONE)
    if (to_ms_or_none(row["rest_until"]) or now_ms) > now_ms:
        raise Refused("state-conflict", "the caller id rests", "", NAME_ONE)
    pool_id, day = row["pool_id"], day_of(row["timezone"], now_ms)
    pool = (await numbers_on(flow.database, {pool_id: day}, on))[pool_id]
    left = {each.caller_id_id: each.left for each in pool}
    if left.get(row["caller_id_id"], 0) <= 0:
        raise Refused("frequency-cap", "the caller id has made its calls of the day", "", NAME_ONE)
    return int(row["caller_id_id"])


def _follows(row: Row) -> Follows:
    return row["cadence_id"], row["cadence_version"]


def _of_step(cadence: Cadence, row: Row, strategy: str, pool: list[CallerId]) -> tuple[str, list[CallerId]]:
    """What a step narrows: those of the pool's numbers that it names, if any, in the way that it says. A step
    that says nothing but "random" leaves both to the pool."""
    if not 0 <= row["next_step"] < len(cadence.steps):
        return strategy, pool
    step = cadence.steps[row["next_step"]]
    named = [number for number in pool if str(number.caller_id_id) in step.caller_id_pool]
    if named or step.caller_id != "random":
        strategy = step.caller_id
    return strategy, named or pool


def _caller(flow: Flow, row: Row, seed: int) -> Caller:
    return Caller(
        phone=row["phone"],
        regions=tuple(row["regions"]),
        lead_key=flow.lead_key(row["external_id"], row["phone"]),
        run=row["run"],
        number=row["n"],
        seed=seed,
        last=row["last_caller_id"],
    )


def _renews_at(row: Row, strategy: str, pool: list[CallerId], day: int, now_ms: Ms) -> Ms:
    return budget(strategy, pool, now_ms, day_start(row["timezone"], day + 1)).renews_at_ms
