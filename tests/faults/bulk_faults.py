"""F30: a large backlog of bulk and a flood of live leads under one rate."""

from __future__ import annotations

from functools import partial
from itertools import islice

from bench.fiction import phones
from scheduler.domain.model import Priority
from scheduler.domain.numbers import place_of
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.batches import cancel_batch, create_batch
from scheduler.flow.throttle import Throttle
from scheduler.ledger.accounts import create_account, create_agent
from tests.builders import ACTOR
from tests.faults.bed import Trial
from tests.faults.check import read_history
from tests.faults.hours import is_lawful
from tests.faults.kinds import fault

SHARES = (10_000, 30_000, 30_000, 30_000)
"""Of each account; there are some 35,000 fictional numbers, and the first account has live leads as well."""

PER_S = 40
"""Dials a second of each account."""

FLOOD = 200
"""Live leads at once: for five seconds they could take all of the rate."""

LATE_CLAIMS = 4
"""What the two dialers may have claimed and not sent: so many claims may arrive in another order than that of
the wheel."""


@fault(
    "F30", needs=("bulk paid its floor",), leads=0, account={"max_concurrent": None, "max_dials_per_s": PER_S}
)  # fmt: skip
async def live_leads_flood_in_beside_a_hundred_thousand_of_bulk(t: Trial) -> None:
    t.account = {}  # several accounts here: their rates are judged one by one
    batches = await _backlog(t)
    await t.scheduler()
    await t.dialer()
    await t.dialer()
    await t.until_dials(20, most_s=120)
    now_ms = t.clock.now_ms()
    fresh = (
        number
        for number in islice(phones(), SHARES[0], None)
        if is_lawful(now_ms, place_of(number).zones, ())
    )
    await t.enrol_phones(list(islice(fresh, FLOOD)))
    flooded_ms = t.clock.now_ms()
    await t.until(partial(t.value, ALL_CALLED, t.account_id), most_s=120)
    for account_id, batch_id in batches:
        await t.until(partial(_canceled, t, account_id, batch_id))
    await t.quiet(most_s=120)
    await _judge(t, flooded_ms)


ALL_CALLED = (
    "SELECT NOT EXISTS (SELECT FROM loop JOIN lane USING (lane_id)"
    " WHERE loop.account_id = $1 AND class = 'live' AND loop.attempts = 0)"
)


FIRST_PERMITS = (
    "SELECT class FROM attempt AS a JOIN lane USING (lane_id)"
    " JOIN (SELECT attempt_id, min(armed_at) AS armed_at FROM arm GROUP BY attempt_id) AS first"
    " USING (attempt_id) WHERE a.account_id = $1 AND first.armed_at >= to_timestamp($2)"
    " ORDER BY first.armed_at, attempt_id"
)


async def _canceled(t: Trial, account_id: int, batch_id: int) -> bool:
    """Thirty thousand loops; what a busy ledger does not get done is gone on with when asked again."""
    try:
        await cancel_batch(
            t.stores.flow, t.clock, account_id=account_id, batch_id=batch_id, actor=ACTOR,
            permit_s=t.settings["permit_s"],
        )  # fmt: skip
    except ServerUnavailable:
        return False
    return True


async def _backlog(t: Trial) -> list[tuple[int, int]]:
    """Bulk leads due now, most of them of other accounts; answers (account, batch)."""
    made: list[tuple[int, int]] = []
    now_ms = t.clock.now_ms()
    account_id, agent_id = t.account_id, t.agent_id
    for count in SHARES:
        if made:
            account_id = await create_account(
                t.stores.database, name=f"Account {len(made)}", now_ms=now_ms, max_dials_per_s=PER_S
            )
            agent_id = await create_agent(
                t.stores.database, account_id=account_id, name="Ada", auto_dialer={"strategy": "followup"},
                now_ms=now_ms,
            )  # fmt: skip
        batch_id = await create_batch(
            t.stores.flow, account_id=account_id, agent_id=agent_id, name="backlog", priority="bulk",
            throttle=Throttle(spread_over_s=0), actor=ACTOR, now_ms=now_ms,
        )  # fmt: skip
        made.append((account_id, batch_id))
        await t.enrol_phones(
            list(islice(phones(), count)), account_id=account_id, agent_id=agent_id, batch_id=batch_id,
            priority=Priority.BULK,
        )  # fmt: skip
    return made


async def _judge(t: Trial, flooded_ms: Ms) -> None:
    """I13: no account is above its rate in any second. I17, I18: while live leads wait, from `flooded_ms` on,
    bulk has its share of the permits and hardly more. What counts is the first permit: one that was void on a
    busy machine is given again later, and so is a claim that ran out: the last tenth is not judged."""
    rows = await t.rows("SELECT attempt_id, account_id FROM attempt")
    owners = {row["attempt_id"]: row["account_id"] for row in rows}
    dials = [(dial.clock_ms, owners[dial.attempt_id]) for dial in read_history(t)]
    settings = t.stores.settings
    most = PER_S + round(PER_S * settings.throttle_burst_s) + LATE_CLAIMS * settings.claim_batch
    for account_id in set(owners.values()):
        at = [clock_ms for clock_ms, owner in dials if owner == account_id]
        worst = max((sum(first <= other < first + SECOND for other in at) for first in at), default=0)
        if worst > most:
            t.complain("I13", f"{worst} dials in a second, {most} allowed")
    ours = [row["class"] for row in await t.rows(FIRST_PERMITS, t.account_id, flooded_ms / SECOND)]
    lives = [position for position, kind in enumerate(ours) if kind == "live"]
    waited = lives[: len(lives) * 9 // 10]
    if not waited:
        return  # all were called while they came in: this trial does not count
    span = ours[waited[0] : waited[-1] + 1]
    bulk = len(span) - len(waited)
    owed, late = settings.bulk_floor * len(span), LATE_CLAIMS * settings.claim_batch
    if not owed - late - 1 <= bulk <= owed + late + 1:
        t.complain("I17" if bulk > owed else "I18", f"{bulk} of {len(span)} permits were bulk's")
    t.sometimes["bulk paid its floor"] += bulk
