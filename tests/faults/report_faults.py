"""F16 for what is posted: an API that takes reports while the ledger is away, and is killed with them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import msgspec

from api.callback_tokens import CallbackTokens
from dialer.signing import secrets_of, sign
from tests.faults.bed import Trial
from tests.faults.check import read_history
from tests.faults.kinds import fault
from tests.faults.limit_faults import until_logged
from tests.faults.processes import Missed
from tests.faults.proxy import Line

SECRET = "whsec_" + "c2Vj" * 8
WRITTEN_OFF_S = 4.5
"""By then nothing is waited for but a spool: `write_off_s` of a trial, and what follows an outage."""

ENDED = "SELECT count(*) FROM attempt WHERE outcome IS NOT NULL"


@fault(
    "F16", "posted", needs=("killed with reports", "a stop was refused"),
    leads=8, model={"time_scale": 1.0}, provider_secret=SECRET,
)  # fmt: skip
async def an_api_is_killed_while_its_spool_is_all_that_knows(t: Trial) -> None:
    """Ends of calls are posted, twice, and acknowledged while the ledger is away. Then the API is killed: the
    next one on its folder brings them in, and nothing is written off before."""
    await t.provider_faults(blind=1.0)  # nobody else can say what became of the calls
    await t.scheduler()
    api, url = await t.api()
    dialer = await t.dialer()
    await t.until_dials(8)
    dialer.kill()
    t.to_postgres.line = Line(refuse=True)
    t.to_postgres.cut(reset=True)
    if await t.value(ENDED):  # the machine is slow: they were given up before
        raise Missed
    stops, *others = [dial.attempt_id for dial in read_history(t)]
    for attempt_id in others * 2:
        if await _report(t, url, attempt_id, disposition="converted") != 204:
            t.complain("I23", "a report was refused though there is a spool")
    for attempt_id in others:
        if await _report(t, url, attempt_id, status="ringing", event_id="late") != 204:
            t.complain("I23", "a report was refused though there is a spool")
    if await _report(t, url, stops, disposition="dnc") == 503:
        t.hit("a stop was refused")
    else:
        t.complain("I8", "a stop was acknowledged without the ledger")
    api.kill()
    await api.gone()
    await asyncio.sleep(t.dice.random())
    t.to_postgres.heal()
    await asyncio.sleep(WRITTEN_OFF_S)
    if await t.value(ENDED):
        t.complain("I15", "a call was written off though a spool held its end")
    else:
        t.hit("killed with reports")
    _, url = await t.api()
    await until_logged(t, "spool_drained")

    async def stopped() -> bool:
        return await _report(t, url, stops, disposition="dnc") == 204

    await t.until(stopped)
    await t.quiet()
    ended = "SELECT count(*) FROM attempt WHERE attempt_id = ANY($1) AND disposition = 'converted'"
    if await t.value(ended, others) != len(others):
        t.complain("I23", "an end that was acknowledged is not in the ledger")
    if await t.value("SELECT count(*) FROM provider_event WHERE provider = 'webhook'") != 2 * len(others) + 1:
        t.complain("I14", "a report is not kept exactly once")
    if not await t.value("SELECT count(*) FROM suppression"):
        t.complain("I8", "a stop that was acknowledged is not in force")


async def _report(t: Trial, url: str, attempt_id: int, **said: Any) -> int:
    """How a report on it is answered."""
    usual = {"provider_call_id": f"ref-{attempt_id}", "event_id": "end", "status": "completed"}
    body = msgspec.json.encode({**usual, "at": "2026-06-16T18:00:30Z", **said})
    headers = sign(secrets_of(SECRET), "m", int(time.time()), body)
    headers["Content-Type"] = "application/json"
    token = CallbackTokens(t.stores.installation.id_key).write(attempt_id)
    path = f"{url}/v1/providers/webhook/callbacks/{token}"
    async with aiohttp.ClientSession() as http, http.post(path, data=body, headers=headers) as answer:
        return answer.status
