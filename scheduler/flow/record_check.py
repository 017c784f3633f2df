"""Whether the chains of records are whole, and the ledger still says what they say."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.records import chained, record_ended, settings_of, shown_facts
from scheduler.ledger import news, records
from scheduler.ledger.database import Connection, Row
from scheduler.public_ids import PublicIds

PAGE = 500
MOST_FAULTS = 100
"""Of an account that are told: a chain that is broken in the middle has one."""

FIRST = bytes(32)
"""What the first link of a chain follows."""


class Fault(msgspec.Struct, frozen=True):
    """`number`: of the link, None for what has none; `attempt_id`, public, where it is known whose."""

    number: int | None
    attempt_id: str | None
    what: str


class Verdict(msgspec.Struct, frozen=True):
    """One account's chain: how many links, the hash of the last, and what is wrong."""

    account_id: str
    links: int
    head: str
    faults: list[Fault]


async def catch_up(flow: Flow, now_ms: Ms, ids: PublicIds) -> None:
    """Number and record whatever is committed by now."""
    while (await news.number(flow.database, most=2000)).groups:
        continue
    await records.begin_chains(flow.database, now_ms)
    while await record_ended(flow, ids, now_ms):
        continue


async def verify(flow: Flow, ids: PublicIds, account_ids: Sequence[int] | None = None) -> list[Verdict]:
    """Walk the chains of these accounts (None: all), a page at a time, and compare with the ledger of one
    instant. What has ended just now and is not recorded yet is no fault."""
    async with flow.database.transaction() as on:
        await flow.database.execute("snapshot_begin", on=on)
        return [
            await _verify(flow, ids, head, on) for head in await records.heads(flow.database, on, account_ids)
        ]


async def intact(flow: Flow, ids: PublicIds, account_id: int, row: Row) -> bool:
    """Whether one record, a row of `record_of_attempt`, follows the one before it, and the ledger says the
    same."""
    if not _follows(row, FIRST if row["number"] == 1 else row["hash_before"]):
        return False
    async with flow.database.transaction() as on:
        unsettled = await records.pending(flow.database, on, account_id)
        facts = await records.facts(flow.database, on, account_id, [row["attempt_id"]])
    return row["attempt_id"] in unsettled or (bool(facts) and _says_the_same(row, facts[0], ids))


async def _verify(flow: Flow, ids: PublicIds, head: Row, on: Connection) -> Verdict:
    account_id = head["account_id"]
    unsettled = await records.pending(flow.database, on, account_id)
    faults: list[Fault] = []
    number, previous = 0, FIRST
    while rows := await records.links_after(flow.database, on, account_id, number, PAGE):
        latest = [row["attempt_id"] for row in rows if row["latest"]]
        known = {row["attempt_id"]: row for row in await records.facts(flow.database, on, account_id, latest)}
        for row in rows:
            attempt = ids.write("att", row["attempt_id"])
            if row["number"] != number + 1:
                faults.append(Fault(number + 1, None, f"{row['number'] - number - 1} links are missing"))
            elif not _follows(row, previous):
                faults.append(Fault(row["number"], attempt, "the record was changed"))
            if row["latest"] and row["attempt_id"] not in unsettled:
                facts = known.get(row["attempt_id"])
                if facts is None:
                    faults.append(Fault(row["number"], attempt, "the attempt is not in the ledger"))
                elif not _says_the_same(row, facts, ids):
                    faults.append(Fault(row["number"], attempt, "the ledger says something else"))
            number, previous = row["number"], row["hash"]
    if (number, previous) != (head["number"], head["hash"]):
        faults.append(Fault(number + 1, None, f"the chain ends before its head, {head['number']}"))
    lost = await records.missing(flow.database, on, head, MOST_FAULTS)
    faults += [
        Fault(None, ids.write("att", attempt_id), "the attempt has no record")
        for attempt_id in lost
        if attempt_id not in unsettled
    ]
    return Verdict(ids.write("acc", account_id), number, previous.hex(), faults[:MOST_FAULTS])


def _follows(row: Row, before: bytes | None) -> bool:
    if before is None:
        return False
    return before == row["previous_hash"] and chained(before, row["body"].encode()) == row["hash"]


def _says_the_same(row: Row, facts: Row, ids: PublicIds) -> bool:
    said = msgspec.json.decode(row["body"])
    settings = None if facts["settings"] is None else settings_of(facts["settings"]).sha256
    return bool(said["attempt"] == shown_facts(facts, ids) and said["settings_sha256"] == settings)
