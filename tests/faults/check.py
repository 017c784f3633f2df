"""What must hold after a trial, judged from the oracle's history, the final ledger and the acknowledgements.

Nothing of the planner or the wheel is used here; the hours are told minute by minute from the tables that the
law prints. Each violation names its invariant (RELIABILITY 2).
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec

from scheduler.domain.time import SECOND
from scheduler.wheel import Placing
from tests.faults.bed import DUE, ON_ITS_WAY_S, Trial, Violation
from tests.faults.hours import is_lawful
from tests.faults.oracle import Dial, HungUp

DIGITS = b"55501"
"""A part of every number that the suite calls."""

SWEEPS = 100
"""How often the sweeper may come round before what it has not put back counts as lost."""

CALLED_AGAIN_MS = 20_000
"""A follow-up's second call comes half a minute after the first at the earliest."""

MOST_A_DAY = 3
"""Calls to one person, by the caps of an account that says nothing else."""


async def check(trial: Trial) -> list[Violation]:
    """Every violation of this trial, after everything has come to rest."""
    dials = read_history(trial)
    found: list[Violation] = []
    found += _once(dials)
    found += await _permits(trial, dials)
    found += await _people(trial, dials)
    found += _hours(dials)
    found += _calls_at_once(trial, dials)
    found += _rate(trial, dials)
    found += await _promises(trial, dials)
    found += await _ledger(trial, dials)
    found += await _wheel(trial)
    found += await _numbers(trial)
    return found


def read_history(trial: Trial) -> list[Dial]:
    if not trial.history.exists():
        return []
    decoder = msgspec.json.Decoder(Dial | HungUp)
    dials: dict[str, Dial] = {}
    again: list[Dial] = []
    for line in trial.history.read_bytes().splitlines():
        match decoder.decode(line):
            case Dial() as dial if dial.key in dials:
                again.append(dial)
            case Dial() as dial:
                dials[dial.key] = dial
            case HungUp(key, at_ms):
                dials[key] = msgspec.structs.replace(dials[key], ends_ms=at_ms)
    return sorted([*dials.values(), *again], key=lambda dial: dial.clock_ms)


def _once(dials: list[Dial]) -> list[Violation]:
    """I1: an attempt rings once."""
    rung = Counter(dial.attempt_id for dial in dials)
    return [Violation("I1", f"attempt {id_} rang {n} times") for id_, n in rung.items() if n > 1]


async def _permits(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I2, I3: a permit was committed before, and was young enough. `frozen_sends` may be late: the process
    stood still between its gate and its send, which nothing can close."""
    rows = await trial.rows("SELECT attempt_id, max(armed_at) AS armed_at, max(not_after) AS not_after"
                            " FROM arm GROUP BY attempt_id")  # fmt: skip
    permits = {row["attempt_id"]: row for row in rows}
    skew_ms = max(map(abs, trial.skews), default=0)
    longest_ms = int((trial.settings["permit_s"] + ON_ITS_WAY_S) * SECOND) + skew_ms
    found, late = [], 0
    for dial in dials:
        permit = permits.get(dial.attempt_id)
        if permit is None:
            found.append(Violation("I2", f"attempt {dial.attempt_id} rang without a permit"))
            continue
        age_ms = dial.clock_ms - permit["armed_at"].timestamp() * SECOND
        if age_ms < -skew_ms - 1:
            found.append(
                Violation("I2", f"attempt {dial.attempt_id} rang {-age_ms:.0f} ms before its permit")
            )
        late += age_ms > longest_ms
    if late > trial.frozen_sends:
        found.append(Violation("I3", f"{late} dials on permits older than {longest_ms} ms"))
    return found


async def _people(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I4, I11: one call at a time for a person, and no more than the caps allow; each account has its own."""
    rows = await trial.rows("SELECT attempt_id, account_id FROM attempt")
    account_of = {row["attempt_id"]: row["account_id"] for row in rows}
    found = []
    by_person: dict[tuple[int | None, int], list[Dial]] = defaultdict(list)
    for dial in dials:
        by_person[account_of.get(dial.attempt_id), dial.person].append(dial)
    for (_, person), theirs in by_person.items():
        for one, other in pairwise(theirs):
            if other.clock_ms < one.ends_ms:
                found.append(Violation("I4", f"person {person} was called during a call"))
            if other.clock_ms - one.clock_ms < CALLED_AGAIN_MS:
                found.append(Violation("I11", f"person {person} was called twice in a row"))
        if len(theirs) > MOST_A_DAY:
            found.append(Violation("I11", f"person {person} was called {len(theirs)} times"))
    return found


def _hours(dials: list[Dial]) -> list[Violation]:
    """I7: lawful and within our own windows wherever the number may be."""
    return [
        Violation("I7", f"attempt {dial.attempt_id} rang outside the hours")
        for dial in dials
        if not is_lawful(dial.clock_ms, dial.zones, dial.regions)
    ]


def _calls_at_once(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I12: the account's cap on calls under way."""
    most = trial.account.get("max_concurrent")
    if most is None:
        return []
    edges = sorted([(d.clock_ms, 1) for d in dials] + [(d.ends_ms, -1) for d in dials], key=lambda e: e)
    live = highest = 0
    for _, change in edges:
        live += change
        highest = max(highest, live)
    return [Violation("I12", f"{highest} calls at once, {most} allowed")] if highest > most else []


def _rate(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I13: dials in any second, by when they arrived; what waited in a slow line may arrive together."""
    per_s = trial.account.get("max_dials_per_s")
    if per_s is None or trial.slow_line:
        return []
    burst = max(1, round(per_s * trial.stores.settings.throttle_burst_s))
    at, worst, first = [dial.clock_ms for dial in dials], 0, 0
    for last in range(len(at)):
        while at[last] - at[first] >= SECOND:
            first += 1
        worst = max(worst, last - first + 1)
    allowed = per_s + burst + trial.stores.settings.claim_batch  # one batch may be held up by its arm
    return [Violation("I13", f"{worst} dials in a second, {allowed} allowed")] if worst > allowed else []


async def _promises(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I8, I9: nothing after what was acknowledged."""
    found = []
    rows = await trial.rows("SELECT a.attempt_id, le.phone FROM attempt AS a JOIN lead AS le USING (lead_id)")
    phone_of = {row["attempt_id"]: row["phone"] for row in rows}
    for dial in dials:
        promised_ms = trial.acks.opted_out.get(phone_of.get(dial.attempt_id, ""))
        if promised_ms is not None and dial.clock_ms > promised_ms:
            late = dial.clock_ms - promised_ms
            found.append(Violation("I8", f"attempt {dial.attempt_id} rang {late} ms after the opt-out"))
        for since_ms, until_ms in trial.acks.paused:
            if since_ms < dial.clock_ms < until_ms:
                found.append(Violation("I9", f"attempt {dial.attempt_id} rang during a pause"))
    return found


async def _ledger(trial: Trial, dials: list[Dial]) -> list[Violation]:
    """I6, I14, I15, I23: each lead has a loop with exactly one next or an end; no attempt hangs; the books
    know of every dial. What came due after all was at rest may be under way again."""
    found = []

    async def none(invariant: str, what: str, sql: str, *arguments: Any) -> None:
        if count := await trial.value(f"SELECT count(*) FROM ({sql}) AS found", *arguments):
            found.append(Violation(invariant, f"{count} {what}"))

    rest_s = (trial.rest_ms or trial.clock.now_ms()) / SECOND
    await none(
        "I6",
        "loops whose attempts are not numbered from 1 on",
        "SELECT loop_id FROM attempt GROUP BY loop_id HAVING max(n) <> count(*) OR min(n) <> 1",
    )
    await none(
        "I6",
        "loops with attempts they do not count",
        "SELECT 1 FROM loop AS l WHERE l.status <> 'ended' AND l.attempts <> (SELECT count(*) FROM attempt"
        " AS a WHERE a.loop_id = l.loop_id AND a.state = 'done')",
    )
    await none(
        "I14",
        "leads without a loop",
        "SELECT 1 FROM lead AS le WHERE NOT EXISTS (SELECT FROM loop AS l WHERE l.lead_id = le.lead_id)",
    )
    await none(
        "I14",
        "loops that are overdue",
        f"SELECT 1 FROM loop WHERE {DUE}",
        rest_s,
    )
    await none(
        "I15",
        "attempts under way that nobody ends",
        "SELECT 1 FROM attempt WHERE state NOT IN ('done', 'not_sent', 'canceled')"
        " AND armed_at <= to_timestamp($1)",
        rest_s,
    )
    ids = list({dial.attempt_id for dial in dials})
    await none(
        "I23",
        "dials that the books deny",
        "SELECT 1 FROM attempt WHERE attempt_id = ANY($1) AND state <> 'done'"
        " AND armed_at <= to_timestamp($2)",
        ids,
        rest_s,
    )
    known = await trial.value("SELECT count(*) FROM attempt WHERE attempt_id = ANY($1)", ids)
    if known != len(ids):
        found.append(Violation("I23", f"{len(ids) - known} dials of attempts that the books do not have"))
    leads = await trial.value("SELECT count(*) FROM lead")
    if leads < trial.acked_leads:
        found.append(Violation("I14", f"{trial.acked_leads - leads} acknowledged leads are gone"))
    return found


async def _wheel(trial: Trial) -> list[Violation]:
    """I14, I22: what is due within the horizon waits on the wheel, at its instant, a few sweeps later."""
    placings: list[Placing] = []
    for _ in range(SWEEPS):
        horizon_ms = trial.clock.now_ms() + trial.stores.flow.horizon_ms
        rows = await trial.rows(
            "SELECT la.shard, l.lane_id, l.loop_id, extract(epoch FROM l.next_at) * 1000 AS at"
            " FROM loop AS l JOIN lane AS la USING (lane_id)"
            " WHERE l.next_at < to_timestamp($1) AND NOT l.held",
            horizon_ms / SECOND,
        )
        placings = [Placing(r["shard"], r["lane_id"], r["loop_id"], int(r["at"])) for r in rows]
        placings = await trial.stores.flow.wheel.missing(placings)
        if not placings:
            return []
        await asyncio.sleep(trial.settings["sweep_s"])
    return [Violation("I14", f"{len(placings)} loops are not on the wheel")]


async def _numbers(trial: Trial) -> list[Violation]:
    """I25: no number in any log, key or value."""
    found = []
    if trial.logs.exists() and DIGITS in trial.logs.read_bytes():
        found.append(Violation("I25", "a number in a log"))
    for redis in await trial.wheel_servers():
        try:
            async for key in redis.scan_iter(count=1000):
                dumped = await redis.dump(key)
                if DIGITS in key or (dumped is not None and DIGITS in dumped):
                    found.append(Violation("I25", f"a number in {key.decode()}"))
        finally:
            await redis.aclose()
    return found
