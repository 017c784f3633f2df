"""F31 and F32: rows that are poison; imports whose API is killed, or whose sender goes, then sent again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import msgspec

from scheduler.public_ids import PublicIds
from tests.builders import phones
from tests.faults.bed import QUIET_AFTER_S, Trial
from tests.faults.kinds import fault
from tests.imports.builders import lead_rows, phone
from tests.imports.test_poison import CHUNK_ROWS, GOOD, PLACES, POISON

ROWS = 400
BAD = b"12\n"
GONE_S = 5.0
"""A sender that goes has sent its part by then, and closes the connection."""


def _file(t: Trial) -> bytes:
    """A header, numbers that are good but for every fiftieth row, and a number that comes twice."""
    numbers = phones(ROWS)
    lines = [f"{number}\n".encode() for number in numbers]
    for at in range(49, ROWS, 50):
        lines[at] = BAD
    lines.append(lines[0])
    return b"Phone\n" + b"".join(lines)


async def _send(
    t: Trial, url: str, key: str, data: bytes, *, cut_at: int | None = None, batch: str = "trial"
) -> dict[str, int] | None:
    """Import the file; the totals, or None where it did not end. `cut_at`: the sender goes there."""

    async def body() -> object:
        for at in range(0, len(data), 500):
            if cut_at is not None and at >= cut_at:
                raise ConnectionResetError("the sender is gone")
            yield data[at : at + 500]
            await asyncio.sleep(0.005)

    agent = PublicIds(t.stores.installation.id_key).write("agt", t.agent_id)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    most_s = QUIET_AFTER_S if cut_at is None else GONE_S
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=most_s)) as session,
            session.post(
                f"{url}/v1/imports?name={batch}&consent=test&agent_id={agent}", data=body(), headers=headers
            ) as answer,
        ):
            if answer.status >= 300:
                t.complain("I21", f"the import was answered {answer.status}")
                return None
            last: dict[str, int] | None = None
            async for line in answer.content:
                told = msgspec.json.decode(line)
                last = told if told.get("t") == "done" else None
            return last
    return None


async def _again(t: Trial, key: str, data: bytes) -> None:
    """Sent once more, whole: everybody is there once, and the totals add up."""
    _, url = await t.api()
    totals = await _send(t, url, key, data)
    if totals is None:
        t.complain("I21", "the import did not end when it was sent again")
        return
    parts = sum(
        totals[name] for name in ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
    )
    if parts != totals["rows"] or totals["rows"] != ROWS + 1:
        t.complain("I21", f"{ROWS + 1} rows were sent, {totals['rows']} counted, {parts} accounted for")
    leads = await t.value("SELECT count(*) FROM lead")
    loops = await t.value("SELECT count(*) FROM loop")
    if leads != ROWS - ROWS // 50 or loops != leads:
        t.complain("I21", f"{leads} leads and {loops} loops of {ROWS - ROWS // 50} good rows")


@fault("F32", "api killed", needs=("killed in an import",), leads=0, import_workers=0, import_batch_rows=50)
async def the_api_is_killed_in_the_middle_of_an_import(t: Trial) -> None:
    data, key = _file(t), await t.api_key()
    api, url = await t.api()
    sending = asyncio.create_task(_send(t, url, key, data))
    await asyncio.sleep(t.dice.random() * 0.1)
    t.sometimes["killed in an import"] += not sending.done()
    api.kill()
    await sending
    await _again(t, key, data)


@fault("F32", "sender gone", needs=("sender gone",), leads=0, import_workers=0, import_batch_rows=50)
async def the_sender_goes_in_the_middle_of_an_import(t: Trial) -> None:
    data, key = _file(t), await t.api_key()
    _, url = await t.api()
    await _send(t, url, key, data, cut_at=t.dice.randrange(500, len(data)))
    t.hit("sender gone")
    await _again(t, key, data)


@fault("F31", needs=("poison named by its line",), leads=0, import_workers=0, import_batch_rows=CHUNK_ROWS)
async def every_kind_of_poison_comes_in_a_file_of_good_rows(t: Trial) -> None:
    """Each kind at a place by lot; the good rows go in, the bad one is named by its line."""
    key, (_, url) = await t.api_key(), await t.api()
    await t.rows("INSERT INTO suppression VALUES ($1, $2, 'asked', 'test', now())", t.account_id, phone(902))
    for n, (kind, (poison, code)) in enumerate(POISON.items()):
        at = max(t.dice.choice(list(PLACES.values())), code == "duplicate-in-file")
        lines = [row.encode() for row in lead_rows(GOOD)]
        lines.insert(at, poison)
        data = b"Phone,Name,Time Zone,Notes\n" + b"\n".join(lines) + b"\n"
        totals = await _send(t, url, key, data, batch=f"poison-{n}")
        if totals is None:
            t.complain("I21", f"{kind}: the import did not end")
            continue
        good = totals["created"] + totals["updated"] + totals["unchanged"]
        bad = totals["rejected"] + totals["duplicate"] + totals["suppressed"]
        rows = await t.rows(
            "SELECT row, code FROM import_reject WHERE import_id = (SELECT max(import_id) FROM import)"
        )
        named = [(row["row"], row["code"]) for row in rows]
        if (totals["rows"], good, bad) != (GOOD + 1, GOOD, 1) or named != [(at + 2, code)]:
            t.complain(
                "I21", f"{kind} in line {at + 2}: {good} good rows of {GOOD}, {bad} bad, told as {named}"
            )
        t.hit("poison named by its line")
    if await t.value("SELECT count(*) FROM lead") != GOOD:
        t.complain("I21", "leads that are not of the good rows")
